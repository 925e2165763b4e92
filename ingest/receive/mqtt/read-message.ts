import type { Clock } from '../../../core/clock.ts';
import { decodeJson, mostKeptBytes, type PayloadSink } from '../../decode/json-payload.ts';
import { readTopic } from '../../decode/topic.ts';
import { addReading, addRejected } from '../../resolve/add-reading.ts';
import type { RegisteredSignal, SignalRegistry } from '../../resolve/signal-registry.ts';
import type { Intake, Source, SourceIntake } from '../receiver.ts';

export interface MqttMessage {
  topic: string;
  payload: Buffer;
  retain: boolean;
}

export interface MessageReader {
  /** Decodes a message into the intake of its source. Never throws. The caller hands over. */
  read(message: MqttMessage): void;
  /** Every line that has spoken, with the time of its last message in ms. */
  readonly lines: ReadonlyMap<string, { source: Source; last_message_at_ms: number; empty_messages: number }>;
}

/** What is known of a topic. Made once, because splitting and looking up cost more than decoding the message. */
interface Route {
  kind: 'signal' | 'machine' | 'wrong';
  address: string;
  detail: string;
  /** `empty_messages`: without a payload, which is how a retained message is cleared. */
  line: { source: Source; last_message_at_ms: number; empty_messages: number };
  signal: RegisteredSignal | undefined;
  /** Machine level only: the signals by their names in the payload. */
  signals: Map<string, RegisteredSignal | undefined>;
}

const mostRoutes = 100_000;
/** Hostile topics must not make endless sources; lines beyond this share one. */
const mostLines = 1000;
/** A message of a million bad readings must not become a million kept rejections; further ones are one entry. */
const mostRejectionsOfMessage = 100;

export function createMessageReader(options: {
  enterprise: string;
  intake: Intake;
  registry: SignalRegistry;
  clock: Clock;
}): MessageReader {
  const { enterprise, intake, registry, clock } = options;
  const lines = new Map<string, Route['line']>();
  let routes = new Map<string, Route>();
  let registryVersion = registry.version;

  // The message at hand, for the sink: one sink serves all messages, so that none is allocated.
  let route: Route;
  let into: SourceIntake;
  let nowUs = 0;
  let retain = false;
  let rejectedBefore = 0;
  let rejectedNow = 0;
  let beyond = 0;
  let bytes: Buffer | null = null;
  let own: ((name: string) => Buffer | null) | undefined;

  const sink: PayloadSink = {
    reading(name, timeUs, value, quality) {
      if (retain && Number.isNaN(timeUs)) {
        sink.rejected(
          name,
          'retained_untimed',
          'The message is retained and has no "ts", so that its age is unknown; accepted are retained messages with a time.',
        );
        return;
      }
      const signal = route.kind === 'signal' ? route.signal : signalOf(route, name);
      addReading(into, addressOf(name), signal, timeUs, value, quality, nowUs);
      settleRejection(name);
    },
    rejected(name, reason, detail) {
      addRejected(into, addressOf(name), reason, detail, null);
      settleRejection(name);
    },
    several(ownMessage) {
      own = ownMessage;
    },
  };

  function addressOf(name: string): string {
    return name === '' ? route.address : `${route.address}/${name}`;
  }

  function signalOf(machine: Route, name: string): RegisteredSignal | undefined {
    let signal = machine.signals.get(name);
    if (signal === undefined && !machine.signals.has(name)) {
      signal = registry.find('mqtt', addressOf(name));
      if (machine.signals.size < 1000) machine.signals.set(name, signal);
    }
    return signal;
  }

  /**
   * After a reading that was rejected: what can be replayed is kept with it, its own part of the message; without such the
   * message's bytes are kept once, with the first rejection. Rejections beyond the limit are one.
   */
  function settleRejection(name: string): void {
    const { rejected } = into;
    if (rejected.length === rejectedNow) return;
    const last = rejected.at(-1);
    if (rejected.length - rejectedBefore > mostRejectionsOfMessage) {
      if (last !== undefined) last.payload = null;
      if (beyond++ > 0) rejected.pop();
    } else if (last !== undefined) {
      const whole = own === undefined ? bytes : own(name);
      last.payload = whole !== null && whole.length <= mostKeptBytes ? whole : (last.payload ?? bytes);
      if (last.payload === bytes) bytes = null;
    }
    rejectedNow = rejected.length;
  }

  function routeOf(topic: string): Route {
    if (registryVersion !== registry.version || routes.size > mostRoutes) {
      routes = new Map();
      registryVersion = registry.version;
    }
    let known = routes.get(topic);
    if (known === undefined) {
      const read = readTopic(topic, enterprise);
      const name = lines.size < mostLines || lines.has(read.source) ? read.source : `${enterprise}/other lines`;
      let line = lines.get(name);
      if (line === undefined) {
        line = { source: { protocol: 'mqtt', name }, last_message_at_ms: 0, empty_messages: 0 };
        lines.set(name, line);
      }
      known = {
        kind: read.kind,
        address: topic,
        detail: read.kind === 'wrong' ? read.detail : '',
        line,
        signal: read.kind === 'signal' ? registry.find('mqtt', read.address) : undefined,
        signals: new Map(),
      };
      routes.set(topic, known);
    }
    return known;
  }

  return {
    read(message) {
      route = routeOf(message.topic);
      const nowMs = clock();
      nowUs = nowMs * 1000;
      route.line.last_message_at_ms = nowMs;
      // Not a reading and no mistake: an MQTT broker forgets a retained message when an empty one comes to its topic.
      if (message.payload.length === 0) {
        route.line.empty_messages++;
        return;
      }
      into = intake.open(route.line.source);
      retain = message.retain;
      rejectedBefore = rejectedNow = into.rejected.length;
      beyond = 0;
      bytes = message.payload;
      own = undefined;
      if (route.kind === 'wrong') sink.rejected('', 'wrong_topic', route.detail);
      else {
        try {
          decodeJson(message.payload, route.kind === 'machine', sink);
        } catch (error) {
          // A message that we cannot decode by our own fault must not be delivered again for ever.
          sink.rejected('', 'malformed_payload', `The message could not be decoded: ${(error as Error).message}.`);
        }
      }
      const last = into.rejected.at(-1);
      if (beyond > 1 && last !== undefined) {
        last.readings = beyond;
        last.detail = `${beyond} further readings of this message were rejected; the last one: ${last.detail}`.slice(
          0,
          1024,
        );
      }
      bytes = null;
      own = undefined;
    },
    lines,
  };
}
