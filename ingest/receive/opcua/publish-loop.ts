import { type NotificationMessage, PublishRequest, type PublishResponse, RepublishRequest } from 'node-opcua';
import type { Session } from './session.ts';

export interface PublishLoopOptions {
  session: Session;
  /** The longest time in which some subscription answers a request, data or not. */
  longestKeepAliveMs: () => number;
  onResponse: (subscriptionId: number, message: NotificationMessage) => void;
  /** The server says that it has no subscription of ours any more. */
  onNoSubscription: () => void;
  onError: (error: Error) => void;
}

/**
 * Keeps publish requests waiting at the server, and acknowledges messages when we say so: node-opcua's own loop
 * acknowledges a message before anyone has seen it, after which the server may forget what a crash then loses. Here
 * the caller acknowledges once the journal has the message on disk.
 */
export interface PublishLoop {
  /** Sends requests until enough are waiting. Call after `resume` reasons: connected again, room in the journal. */
  run(): void;
  /** No further requests; those that wait are answered or fail. */
  suspend(): void;
  acknowledge(subscriptionId: number, sequenceNumber: number): void;
  /** A message again that never arrived; undefined when the server has it no more. Throws when it cannot be asked. */
  republish(subscriptionId: number, sequenceNumber: number): Promise<NotificationMessage | undefined>;
}

/** So many requests wait: one would be idle for a round trip after each answer, and slow lines need more than two. */
const mostWaiting = 4;

export function createPublishLoop(options: PublishLoopOptions): PublishLoop {
  const { session } = options;
  let acknowledgements: { subscriptionId: number; sequenceNumber: number }[] = [];
  let waiting = 0;
  let allowed = mostWaiting;
  let isRunning = false;

  function send(): void {
    const sent = acknowledgements;
    acknowledgements = [];
    waiting++;
    const request = new PublishRequest({
      // A request may be the last in the queue of a silent subscription, and servers discard what is older than this.
      requestHeader: { timeoutHint: Math.max(60_000, 2 * (mostWaiting + 1) * options.longestKeepAliveMs()) },
      subscriptionAcknowledgements: sent,
    });
    session.publish(request, (error, response) => {
      waiting--;
      if (error !== null || response === undefined) {
        // They may not have arrived; acknowledging twice does no harm.
        acknowledgements.push(...sent);
        giveWay(error ?? new Error('An empty answer to a publish request.'));
      } else receive(response);
    });
  }

  function receive(response: PublishResponse): void {
    try {
      options.onResponse(response.subscriptionId, response.notificationMessage);
    } catch (error) {
      options.onError(error as Error);
    }
    run();
  }

  function giveWay(error: Error): void {
    if (!isRunning) return;
    const { message } = error;
    if (message.includes('BadTooManyPublishRequests')) {
      allowed = Math.max(1, Math.min(allowed - 1, waiting));
      return;
    }
    isRunning = false;
    if (message.includes('BadNoSubscription')) options.onNoSubscription();
    else options.onError(error);
  }

  function run(): void {
    if (!isRunning) return;
    while (waiting < allowed) send();
  }

  return {
    run() {
      isRunning = true;
      run();
    },
    suspend() {
      isRunning = false;
    },
    acknowledge(subscriptionId, sequenceNumber) {
      acknowledgements.push({ subscriptionId, sequenceNumber });
    },
    republish(subscriptionId, retransmitSequenceNumber) {
      const request = new RepublishRequest({ subscriptionId, retransmitSequenceNumber });
      return new Promise((resolve, reject) => {
        session.republish(request, (error, response) => {
          const status = response?.responseHeader.serviceResult.name ?? '';
          if (`${error?.message} ${status}`.includes('BadMessageNotAvailable')) resolve(undefined);
          else if (error !== null) reject(error);
          else if (response === undefined || status !== 'Good') reject(new Error(`Republish answers ${status}.`));
          // A server that answers Good without the message that was asked for (asyncua 2.1, also for subscriptions that
          // it has never had) has it no more; taken for an answer it would be asked for the next for ever.
          else if (response.notificationMessage.sequenceNumber !== retransmitSequenceNumber) resolve(undefined);
          else resolve(response.notificationMessage);
        });
      });
    },
  };
}
