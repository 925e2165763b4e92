import { monotonic } from '../../../core/clock.ts';
import { requireSetting } from '../../../core/settings.ts';
import { encodeRebirthRequest } from '../../../core/sparkplug/messages.ts';
import { formatTopic } from '../../../core/sparkplug/topic.ts';
import type { Receiver, ReceiverContext, SourceState } from '../receiver.ts';
import { openConnection } from './connection.ts';
import type { EdgeNode } from './edge-node.ts';
import { createHost } from './host.ts';

/** Between two rebirth requests: 21 edge nodes of the reference plant are asked within half a second. */
const spacingMs = 20;
/** With a database that is slower than the plant the journal is full again and again, and each return costs all births. */
const returnAfterMs = 1000;

/**
 * Starts the Sparkplug host application: own connection to MQTT_URL, STATE, births, data, deaths (README.md of this
 * folder). It connects in the background and again for ever; throws a SettingsError when MQTT_URL is not set.
 */
export function receiveSparkplug(context: ReceiverContext): Receiver {
  const { settings, clock, intake, registry } = context;
  const log = context.log.child({ receiver: 'sparkplug' });
  const hostId = settings.SPARKPLUG_HOST_ID;
  const host = createHost({
    intake,
    registry,
    clock,
    monotonic,
    reorderMs: settings.SPARKPLUG_REORDER_MS,
    rebirthMs: settings.SPARKPLUG_REBIRTH_MS,
    spacingMs,
    sendRebirthRequest(group, edge) {
      const reason = host.nodes.get(`${group}/${edge}`)?.counts.last_rebirth_reason;
      log.info({ source: `${group}/${edge}`, reason }, 'asking an edge node for a rebirth');
      connection.publish(formatTopic({ group, verb: 'NCMD', edge, device: '' }), encodeRebirthRequest(clock()));
    },
  });
  const connection = openConnection({
    url: requireSetting(settings, 'MQTT_URL'),
    clientId: `${settings.MQTT_CLIENT_ID}-sparkplug`,
    hostId,
    // There is nothing in MQTT 5 that a host application needs, and every broker speaks 3.1.1.
    version: settings.MQTT_VERSION === '5' ? 5 : 4,
    clock,
    log,
    onMessage: host.receive,
    onConnected: host.connected,
    onDisconnected: host.disconnected,
  });

  // QoS 0 cannot be held back. What is in memory a crash would lose, while edge nodes that store and forward keep it.
  let returning: NodeJS.Timeout | undefined;
  const stopListening = intake.onFull((full) => {
    clearTimeout(returning);
    if (full) connection.setTaking(false);
    else returning = setTimeout(() => connection.setTaking(true), returnAfterMs);
  });

  return {
    states(): SourceState[] {
      const own: SourceState = {
        protocol: 'sparkplug',
        name: `STATE/${hostId}`,
        connected: connection.isConnected,
        status: {
          edge_nodes: host.nodes.size,
          ignored_retained: host.ignoredRetained,
          last_error: connection.lastError,
        },
      };
      return [own, ...[...host.nodes.values()].map(stateOf)];
    },
    async close() {
      stopListening();
      clearTimeout(returning);
      await connection.close();
      host.close();
    },
  };
}

function stateOf(node: EdgeNode): SourceState {
  return {
    ...node.source,
    connected: node.online,
    last_message_at_ms: node.lastMessageAtMs,
    status: {
      ...node.counts,
      bd_seq: node.bdSeq,
      devices: Math.max(0, node.born.size - 1),
      metrics: node.metrics.address.length,
      rebirth_requests: node.rebirth.requests,
    },
  };
}
