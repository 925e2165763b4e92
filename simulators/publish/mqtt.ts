import { connect, type MqttClient } from 'mqtt';
import { monotonic, pause } from '../../core/clock.ts';
import type { Log } from '../../core/log.ts';
import type { Publisher } from '../sent.ts';
import type { SimulatedMachine } from '../simulated-plant.ts';
import { createEdgeBuffer, type EdgeBuffer } from './edge-buffer.ts';
import { createJsonWriter, jsonForms, type JsonForm, type JsonWriter } from './json-forms.ts';

export interface MqttOptions {
  url: string;
  /** Part of the client ids: two simulators on one broker would otherwise throw each other off for ever. */
  instance: string;
  machines: readonly SimulatedMachine[];
  log: Log;
}

interface Gateway {
  source: string;
  form: JsonForm;
  writer: JsonWriter;
  client: MqttClient;
  buffer: EdgeBuffer;
}

/**
 * The lines that speak JSON over MQTT: one edge gateway a line, each with a connection and a buffer of its own. QoS 1;
 * what is not acknowledged is sent again after a reconnect (MQTT.js keeps it in its outgoing store), what could not be
 * handed over waits in the buffer.
 */
export function createMqttPublisher({ url, instance, machines, log }: MqttOptions): Publisher {
  const gateways = new Map<string, Gateway>();
  const gatewayOf = (machine: SimulatedMachine): string => `${machine.enterprise}/${machine.site}/${machine.line}`;
  for (const machine of machines) {
    const source = gatewayOf(machine);
    if (gateways.has(source)) continue;
    const form = jsonForms[gateways.size % jsonForms.length] ?? 'single';
    gateways.set(source, openGateway({ url, instance, log }, source, form));
  }

  return {
    publish(machine, samples) {
      const gateway = gateways.get(gatewayOf(machine));
      if (gateway === undefined) return;
      for (const message of gateway.writer.write(machine, samples)) gateway.buffer.push(message);
    },
    isConnected: () => [...gateways.values()].every(({ client }) => client.connected),
    isBusy: () => [...gateways.values()].some(({ buffer }) => buffer.underWay >= 1000),
    counts: () =>
      [...gateways.values()].map(({ source, buffer }) => ({
        protocol: 'mqtt',
        source,
        ...buffer.counts,
        waiting: buffer.waiting,
      })),
    async close() {
      for (const { writer, buffer } of gateways.values()) for (const message of writer.flush()) buffer.push(message);
      const deadline = monotonic() + 1000;
      while (
        monotonic() < deadline &&
        [...gateways.values()].some(({ buffer, client }) => client.connected && buffer.waiting > 0)
      ) {
        await pause(10);
      }
      await Promise.all([...gateways.values()].map(({ client, buffer }) => client.endAsync(buffer.waiting > 0)));
    },
  };
}

function openGateway({ url, instance, log }: Omit<MqttOptions, 'machines'>, source: string, form: JsonForm): Gateway {
  const client = connect(url, {
    clientId: `simulator-${instance}-${source.replaceAll('/', '-')}`,
    // The session would only matter for subscriptions, of which there are none; unacknowledged messages are kept here.
    clean: true,
    reconnectPeriod: 1000,
    connectTimeout: 5000,
    keepalive: 30,
    queueQoSZero: false,
    resubscribe: false,
  });
  const buffer = createEdgeBuffer({
    isConnected: () => client.connected,
    send: ({ topic, payload }, onAcknowledged) => {
      client.publish(topic, payload, { qos: 1 }, (error) => {
        if (error == null) onAcknowledged();
        else log.warn({ error, source }, 'a message was given up');
      });
    },
  });
  let wasConnected = true;
  client.on('connect', () => {
    if (!wasConnected) log.info({ source }, 'connected again');
    wasConnected = true;
    buffer.pump();
  });
  client.on('close', () => {
    if (wasConnected && !client.disconnecting) log.warn({ source }, 'the broker is away');
    wasConnected = false;
  });
  client.on('error', (error) => log.debug({ error, source }, 'connection failed'));
  return { source, form, writer: createJsonWriter(form), client, buffer };
}
