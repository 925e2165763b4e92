import type { MqttClient } from 'mqtt';
import { pause } from '../../../core/clock.ts';
import { retryDelay } from '../../../core/retry.ts';
import { requireSetting } from '../../../core/settings.ts';
import type { Receiver, ReceiverContext, SourceState } from '../receiver.ts';
import { takeAcknowledgements, type Acknowledger } from './acknowledge.ts';
import { connectMqtt, VersionError, type MqttConnection, type MqttVersion } from './connect.ts';
import { createMessageReader } from './read-message.ts';

/**
 * Receives JSON readings over MQTT: subscribes to everything under the enterprise at QoS 1 and acknowledges each message
 * when the journal has it. While the journal is full it hangs up, so that the broker keeps the messages in its session.
 * Reconnects for ever; what was not acknowledged is delivered again.
 */
export function receiveMqtt(context: ReceiverContext): Receiver {
  const { settings, log, intake, registry, clock } = context;
  const url = requireSetting(settings, 'MQTT_URL');
  const enterprise = settings.ENTERPRISE;
  const closing = new AbortController();
  const reader = createMessageReader({ enterprise, intake, registry, clock });
  let version: MqttVersion = settings.MQTT_VERSION === '3.1.1' ? 4 : 5;
  let client: MqttClient | undefined;
  let connection: MqttConnection | undefined;
  let acknowledger: Acknowledger | undefined;
  let subscribed = false;
  let connections = 0;
  let lastProblem: string | null = null;
  let roomAgain: (() => void) | undefined;

  const stopListening = intake.onFull((full) => {
    if (full) client?.end(true);
    else roomAgain?.();
  });

  async function connectOnce(): Promise<MqttConnection> {
    let acknowledge: Acknowledger['acknowledge'] = () => undefined;
    const opened = await connectMqtt({
      url,
      clientId: settings.MQTT_CLIENT_ID,
      version,
      prepare(made) {
        client = made;
        acknowledger = takeAcknowledgements(made, (packet) => {
          reader.read({ topic: packet.topic, payload: packet.payload as Buffer, retain: packet.retain });
          if (packet.qos === 1) intake.handOver(acknowledge, packet.messageId ?? 0);
          else intake.handOver();
        });
        acknowledge = acknowledger.acknowledge;
      },
    });
    return opened;
  }

  async function subscribe(opened: MqttConnection): Promise<void> {
    // Retained messages are wanted once, with a new session, and not again at every reconnect (MQTT 5 can say so).
    const options = { qos: 1, ...(opened.version === 5 && { rh: 1 }) } as const;
    const granted = opened.client.subscribeAsync(`${enterprise}/#`, options);
    granted.catch(() => undefined);
    const grants = await Promise.race([granted, opened.ended]);
    if (!Array.isArray(grants)) throw new Error(grants ?? 'The broker closed the connection.');
    const [grant] = grants;
    if (grant === undefined || grant.qos === 128) {
      throw new Error(
        `The broker refused the subscription to ${enterprise}/#; allow it for client id "${settings.MQTT_CLIENT_ID}".`,
      );
    }
    if (grant.qos !== 1)
      log.warn({ granted: grant.qos }, 'the broker grants no QoS 1: messages can be lost before they reach us');
    subscribed = true;
  }

  async function run(): Promise<void> {
    for (let attempt = 1; !closing.signal.aborted; attempt++) {
      if (intake.isFull) {
        await new Promise<void>((resolve) => {
          roomAgain = resolve;
          closing.signal.addEventListener('abort', () => resolve(), { once: true });
        });
        continue;
      }
      try {
        connection = await connectOnce();
        if (closing.signal.aborted || intake.isFull) connection.client.end(true);
        else await subscribe(connection);
        log.info(
          { version: connection.version === 5 ? '5' : '3.1.1', session_present: connection.sessionPresent },
          'connected to the MQTT broker',
        );
        connections++;
        attempt = 1;
        lastProblem = null;
        lastProblem = await connection.ended;
        if (!closing.signal.aborted && !intake.isFull)
          log.warn({ problem: lastProblem }, 'the connection to the MQTT broker was lost');
      } catch (error) {
        lastProblem = (error as Error).message;
        if (error instanceof VersionError && settings.MQTT_VERSION === 'auto') version = version === 5 ? 4 : 5;
        if (attempt === 1) log.warn({ error }, 'the MQTT broker cannot be reached, trying again');
        client?.end(true);
      }
      connection = undefined;
      subscribed = false;
      if (!closing.signal.aborted) await pause(retryDelay({ minMs: 100, maxMs: 5000 }, attempt), closing.signal);
    }
  }

  const running = run();

  return {
    states(): SourceState[] {
      const connected = subscribed;
      const broker: SourceState = {
        protocol: 'mqtt',
        name: enterprise,
        connected,
        last_message_at_ms: reader.lines.get(enterprise)?.last_message_at_ms || null,
        status: {
          broker: url.replace(/\/\/.*@/, '//'),
          mqtt_version: connection === undefined ? null : connection.version === 5 ? '5' : '3.1.1',
          connections,
          unacknowledged: acknowledger?.waiting ?? 0,
          empty_messages: reader.lines.get(enterprise)?.empty_messages ?? 0,
          problem: lastProblem,
        },
      };
      const lines = [...reader.lines.values()].filter(({ source }) => source.name !== enterprise);
      return [
        broker,
        ...lines.map(({ source, last_message_at_ms, empty_messages }) => ({
          ...source,
          connected,
          last_message_at_ms,
          status: { empty_messages },
        })),
      ];
    },
    async close() {
      closing.abort();
      stopListening();
      roomAgain?.();
      client?.end(true);
      await running;
    },
  };
}
