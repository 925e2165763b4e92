import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mqtt, { type MqttClient } from 'mqtt';
import { describe, expect, onTestFinished, test } from 'vitest';
import { waitUntil } from '../../../core/testing/wait-until.ts';
import { hasMosquitto, startMosquitto } from '../../../core/testing/mosquitto.ts';

// Three times what mosquitto keeps for a session by default; the session must outlive a stop of the broker.
const count = 3000;

describe.skipIf(!hasMosquitto)('mosquitto as docker-compose.yml configures it', () => {
  test(`keeps ${count} messages for a session that is away, and still has them after a restart${hasMosquitto ? '' : ' (skipped: mosquitto is not installed)'}`, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'millrace-mosquitto-'));
    const closers: (() => unknown)[] = [() => rmSync(folder, { recursive: true, force: true })];
    onTestFinished(async () => {
      for (const close of closers.toReversed()) await close();
    });
    const heard = new Set<string>();
    async function subscribe(url: string): Promise<MqttClient> {
      const client = mqtt.connect(url, { clientId: 'away', clean: false });
      client.on('message', (_topic, payload) => heard.add(payload.toString()));
      await new Promise((resolve) => client.once('connect', resolve));
      await client.subscribeAsync('millrace/#', { qos: 1 });
      return client;
    }

    const first = await startMosquitto({ folder });
    closers.push(() => first.stop());
    await (await subscribe(first.url)).endAsync();
    const publisher = await mqtt.connectAsync(first.url);
    closers.push(() => publisher.endAsync(true));
    await Promise.all(
      Array.from({ length: count }, (_, number) =>
        publisher.publishAsync('millrace/berlin/line-01/m-001/t', String(number), { qos: 1 }),
      ),
    );
    await publisher.endAsync();
    closers.length = 1;
    await first.stop('SIGTERM');

    const second = await startMosquitto({ folder });
    closers.push(() => second.stop());
    const again = await subscribe(second.url);
    closers.push(() => again.endAsync(true));
    await waitUntil('all of them have arrived', () => heard.size === count, { limitMs: 20_000 });
    expect(heard.size).toBe(count);
  });
});
