import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { monotonic, now, pause, toTimestamp } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { Plant } from '../core/plant/plant-document.ts';
import type { Protocol } from '../core/reading.ts';
import { requireSetting, SettingsError, type Settings } from '../core/settings.ts';
import type { Shutdown } from '../core/shutdown.ts';
import { createControl } from './control.ts';
import { readMemory, writeJson, type Memory } from './memory.ts';
import { createMess, readChances } from './mess.ts';
import { createMqttPublisher } from './publish/mqtt.ts';
import { openOpcuaPublisher } from './publish/opcua-server.ts';
import { createSparkplugPublisher } from './publish/sparkplug.ts';
import type { Publisher } from './sent.ts';
import { createSimulatedPlant, type SimulatedPlant } from './simulated-plant.ts';
import { createTruth } from './truth.ts';
import { createVirtualTime, type VirtualTime } from './virtual-time.ts';

export interface RunOptions {
  plant: Plant;
  only: readonly Protocol[];
  lines?: number | undefined;
  intervalSeconds: number;
  fromMs?: number | undefined;
}

/** Ten times a second those machines speak whose moment of the second has come, so that the load has no peaks. */
const tickMs = 100;
const connectLimitMs = 10_000;

/** The files of the simulator in the data directory. */
export function simulatorFile(
  settings: Settings,
  name: 'control.jsonl' | 'memory.json' | 'sent.json' | 'truth.jsonl' | 'pki',
): string {
  return join(settings.DATA_DIR, 'simulator', name);
}

/** Runs the plant until `shutdown` closes it. Answers one sentence about it when every connection stands; throws when one does not within 10 s. */
export async function runPlant(settings: Settings, options: RunOptions, log: Log, shutdown: Shutdown): Promise<string> {
  const memory = readMemory(simulatorFile(settings, 'memory.json'));
  const runs = (memory?.runs ?? 0) + 1;
  const time = createVirtualTime(now, settings.SIMULATE_SPEED, memory?.time_ms, options.fromMs);
  const mess = createMess(readChances(settings.SIMULATE_MESS), settings.SIMULATE_SEED + runs);
  const plant = createSimulatedPlant({
    plant: options.plant,
    seed: settings.SIMULATE_SEED,
    run: runs,
    mess,
    protocols: options.only,
    maxLines: options.lines,
    intervalSeconds: options.intervalSeconds,
    memory: memory?.machines ?? {},
    onBreakdown: createTruth(simulatorFile(settings, 'truth.jsonl')),
  });
  const birthDeath = memory?.birth_death ?? {};
  const publishers = new Map<Protocol, Publisher>();

  function remember(): void {
    const content: Memory = { time_ms: time.now(), runs, machines: plant.remember(), birth_death: birthDeath };
    writeJson(simulatorFile(settings, 'memory.json'), content);
  }
  function say() {
    const sources = [...publishers.values()].flatMap((publisher) => publisher.counts());
    writeJson(simulatorFile(settings, 'sent.json'), {
      written: toTimestamp(now()),
      plant_time: toTimestamp(time.now()),
      speed: settings.SIMULATE_SPEED,
      sources,
      mess: mess.counts,
    });
    return sources;
  }

  // Closed last: what the publishers have counted by then is final.
  shutdown.add('counts', () => {
    remember();
    const sources = say();
    const sum = (pick: (source: (typeof sources)[number]) => number | undefined): number =>
      sources.reduce((total, source) => total + (pick(source) ?? 0), 0);
    log.info(
      {
        sent: sum((each) => each.sent),
        acknowledged: sum((each) => each.acknowledged),
        waiting: sum((each) => each.waiting),
        dropped: sum((each) => each.dropped),
      },
      'readings sent',
    );
  });
  await openPublishers({ settings, plant, time, birthDeath, log, shutdown, publishers });
  const control = createPlantControl(settings, plant, time, log);
  // From the first tick on the new bdSeq values must not be used again, whatever happens.
  remember();

  let ticks = 0;
  const timer = setInterval(() => {
    ticks++;
    // A plant that runs faster than real time waits for its network; the real one cannot.
    const waits = settings.SIMULATE_SPEED > 1 && [...publishers.values()].some((publisher) => publisher.isBusy());
    if (waits) time.hold();
    else plant.advance(time.now(), (machine, samples) => publishers.get(machine.protocol)?.publish(machine, samples));
    if (ticks % 5 === 0) control();
    if (ticks % 20 === 0) say();
    if (ticks % 100 === 0) remember();
  }, tickMs);
  shutdown.add('plant', () => clearInterval(timer));

  await waitForConnections(publishers, settings, shutdown);
  const sensors = plant.machines
    .flatMap((machine) => machine.signals)
    .filter(({ plant: { kind } }) => kind === 'measurement');
  return `${plant.machines.length} machines, ${sensors.length} sensors over ${[...publishers.keys()].join(', ')}`;
}

interface Parts {
  settings: Settings;
  plant: SimulatedPlant;
  time: VirtualTime;
  birthDeath: Record<string, number>;
  log: Log;
  shutdown: Shutdown;
  publishers: Map<Protocol, Publisher>;
}

async function openPublishers({ settings, plant, time, birthDeath, log, shutdown, publishers }: Parts): Promise<void> {
  // Stable over restarts, so that a new connection takes the place of one that was killed.
  const instance = createHash('sha256').update(settings.DATA_DIR).digest('hex').slice(0, 6);
  for (const [protocol, machines] of Map.groupBy(plant.machines, (machine) => machine.protocol)) {
    publishers.set(protocol, await openPublisher(protocol, machines));
  }
  shutdown.add('publishers', async () => {
    await Promise.all([...publishers.values()].map((publisher) => publisher.close()));
  });

  async function openPublisher(protocol: Protocol, machines: SimulatedPlant['machines']): Promise<Publisher> {
    switch (protocol) {
      case 'mqtt':
        return createMqttPublisher({ url: requireSetting(settings, 'MQTT_URL'), instance, machines, log });
      case 'sparkplug': {
        const url = requireSetting(settings, 'MQTT_URL');
        return createSparkplugPublisher({
          url,
          instance,
          machines,
          clock: () => Math.floor(time.now()),
          birthDeath,
          log,
        });
      }
      case 'opcua': {
        const urls = settings.OPCUA_URLS ?? ['opc.tcp://127.0.0.1:4840'];
        return openOpcuaPublisher({ urls, machines, pkiFolder: simulatorFile(settings, 'pki'), log });
      }
    }
  }
}

function createPlantControl(settings: Settings, plant: SimulatedPlant, time: VirtualTime, log: Log): () => void {
  return createControl(
    simulatorFile(settings, 'control.jsonl'),
    ({ machine: path, fault, hours }) => {
      const machine = plant.find(path);
      if (machine === undefined) log.warn({ machine: path }, 'there is no such machine to break');
      else if (machine.machine.inject(fault, hours, time.now()))
        log.info({ machine: path, fault, hours }, 'a fault begins');
      else log.warn({ machine: path }, 'this machine is failing already');
    },
    (sentence) => log.warn(sentence),
  );
}

async function waitForConnections(
  publishers: Map<Protocol, Publisher>,
  settings: Settings,
  { signal }: Shutdown,
): Promise<void> {
  const deadline = monotonic() + connectLimitMs;
  while (![...publishers.values()].every((publisher) => publisher.isConnected())) {
    if (signal.aborted) return;
    if (monotonic() > deadline) {
      throw new SettingsError(`The broker of MQTT_URL (${settings.MQTT_URL}) does not answer; is it running?`);
    }
    await pause(20);
  }
}
