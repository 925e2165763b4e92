import { connect } from 'mqtt';
import { monotonic, now, pause } from '../../core/clock.ts';

// M0 and M1: an MQTT.js subscriber with nothing behind it, which throws every message away. It bounds what any
// subscriber written with MQTT.js can reach.
const [url = '', qos = '0'] = process.argv.slice(2);
const client = connect(url, { clean: true, clientId: `bench-null-${process.pid}`, reconnectPeriod: 0 });
let received = 0;
let lastAtMs = 0;
client.on('message', () => {
  received++;
  // The clock is read now and then: asking it for each message would be a tenth of the cost that is measured.
  if (received % 100 === 0) lastAtMs = now();
});
client.on('error', (error) => {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
});
await new Promise((resolve) => client.once('connect', resolve));
await client.subscribeAsync('#', { qos: qos === '1' ? 1 : 0 });

process.on('message', ({ expect }: { expect: number }) => {
  void (async () => {
    // Until all is there, or nothing more has come for two seconds.
    for (let seen = -1, seenAt = 0; received < expect; ) {
      if (received !== seen) {
        seen = received;
        seenAt = monotonic();
      } else if (monotonic() - seenAt > 2000) break;
      await pause(5);
    }
    process.send?.({ received, last_at_ms: received === expect ? Math.max(lastAtMs, now() - 5) : lastAtMs });
  })();
});
process.on('disconnect', () => process.exit(0));
process.once('SIGTERM', () => process.exit(0));
process.send?.({ ready: true });
