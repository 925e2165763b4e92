import type { IPublishPacket, MqttClient } from 'mqtt';

/**
 * Holds PUBACKs until the journal is durable, without stopping MQTT.js.
 *
 * MQTT.js hands over one packet at a time and sends the PUBACK from the callback of `handleMessage`: waiting there means
 * one message for each fdatasync, and after 1.5 × keep-alive a disconnect, because the PINGRESP waits behind the message
 * (docs/durability.md). So the callback is called at once, with an error: MQTT.js then goes on to the next packet and
 * sends no PUBACK. The real PUBACKs are written to the connection's stream later, many in one write.
 * This leans on two things that MQTT.js does not promise; acknowledge.e2e.test.ts fails when one of them changes.
 */
export interface Acknowledger {
  /** Acknowledges a message by its packet id. Does nothing once the connection is closed: the broker delivers again. */
  acknowledge: (messageId: number) => void;
  /** QoS 1 messages received and not acknowledged yet. */
  readonly waiting: number;
}

const noPuback = new Error('This message is acknowledged when the journal has it.');

/**
 * Gives `client`, which must not reconnect by itself (packet ids belong to one connection), its message handler:
 * `onMessage` gets every PUBLISH at once and calls `acknowledge` whenever it likes.
 */
export function takeAcknowledgements(client: MqttClient, onMessage: (packet: IPublishPacket) => void): Acknowledger {
  let pending = Buffer.allocUnsafeSlow(4 * 256);
  let bytes = 0;
  let waiting = 0;

  client.handleMessage = (packet, callback) => {
    if (packet.qos === 1) waiting++;
    onMessage(packet);
    callback(packet.qos === 1 ? noPuback : undefined);
  };

  function send(): void {
    const packets = Buffer.from(pending.subarray(0, bytes));
    bytes = 0;
    if (client.connected && !client.stream.destroyed) client.stream.write(packets);
  }

  return {
    acknowledge(messageId) {
      waiting--;
      // All acknowledgements of one journal record go out in one write, after the last of them.
      if (bytes === 0) queueMicrotask(send);
      if (bytes + 4 > pending.length) pending = Buffer.concat([pending], pending.length * 2);
      // PUBACK, 2 bytes follow, packet id. In MQTT 5 the left-out reason code means success.
      pending[bytes] = 0x40;
      pending[bytes + 1] = 2;
      pending[bytes + 2] = messageId >>> 8;
      pending[bytes + 3] = messageId & 0xff;
      bytes += 4;
    },
    get waiting() {
      return waiting;
    },
  };
}
