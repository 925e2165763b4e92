import { monotonic } from '../../../core/clock.ts';
import { requireSetting } from '../../../core/settings.ts';
import { encodeRebirthRequest } from '../../../core/sparkplug/messages.ts';
import { formatTopic } from '../../../core/sparkplug/topic.ts';
import type { Fullness, Receiver, ReceiverContext, SourceState } from '../receiver.ts';
import { openConnection } from './connection.ts';
import type { EdgeNode } from './edge-node.ts';
import { createHost } from './host.ts';
import { createTaking } from './taking.ts';

/** Between two rebirth requests: 21 edge nodes of the reference plant are asked within half a second. */
const spacingMs = 20;
/** How often the intake is looked at, beside the moments at which it is said to be full. */
const lookEveryMs = 200;
const obstacles = {
  journal: 'the journal is full',
  disk: 'the disk of the journal does not answer',
  memory: 'the memory before the journal is full',
} as const satisfies Record<Fullness, string>;

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
    onConnected() {
      if (taking.obstacle === null) host.connected();
    },
    onDisconnected: host.disconnected,
  });

  const taking = createTaking(intake, monotonic);
  let isTaking = true;
  function look(): void {
    taking.look();
    if (isTaking === (taking.obstacle === null)) return;
    isTaking = !isTaking;
    connection.setTaking(isTaking);
    log.warn({ host_id: hostId, state: stateInWords() }, 'the STATE of the Sparkplug host application has changed');
    if (!isTaking) host.hush();
    else if (connection.isConnected) host.connected();
  }
  function stateInWords(): string {
    return taking.obstacle === null ? 'online' : `offline: ${obstacles[taking.obstacle]}`;
  }
  // Before the first session begins, so that it begins with what is so now.
  look();
  const stopListening = intake.onFull(look);
  const looking = setInterval(look, lookEveryMs);

  return {
    states(): SourceState[] {
      const own: SourceState = {
        protocol: 'sparkplug',
        name: `STATE/${hostId}`,
        connected: connection.isConnected,
        status: {
          state: connection.isConnected ? stateInWords() : 'offline: there is no connection',
          edge_nodes: host.nodes.size,
          ignored_retained: host.ignoredRetained,
          last_error: connection.lastError,
        },
      };
      return [own, ...[...host.nodes.values()].map(stateOf)];
    },
    async close() {
      stopListening();
      clearInterval(looking);
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
