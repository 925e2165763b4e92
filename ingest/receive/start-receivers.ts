import { receiveMqtt } from './mqtt/receive-mqtt.ts';
import { receiveOpcua } from './opcua/receive-opcua.ts';
import type { Receiver, ReceiverContext } from './receiver.ts';
import { receiveSparkplug } from './sparkplug/receive-sparkplug.ts';

/** Starts a receiver for each protocol that the settings name a server for. All connect in the background, and again for ever. */
export function startReceivers(context: ReceiverContext): Receiver[] {
  const receivers: Receiver[] = [];
  if (context.settings.MQTT_URL !== undefined) receivers.push(receiveMqtt(context), receiveSparkplug(context));
  if (context.settings.OPCUA_URLS !== undefined) receivers.push(receiveOpcua(context));
  return receivers;
}
