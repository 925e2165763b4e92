import type { ClientSession, ClientSessionPublishService, ClientSessionRawSubscriptionService } from 'node-opcua';

/**
 * A session with the services below its own subscriptions: every session of node-opcua has them and its package
 * exports both interfaces, only the declared type of a session leaves them out. The tests against real servers fail
 * when a later version takes them away.
 */
export type Session = ClientSession & ClientSessionRawSubscriptionService & ClientSessionPublishService;

/** Deletes a subscription; one that is gone already is as good. */
export function deleteSubscription(session: Session, subscriptionId: number): Promise<void> {
  return new Promise((resolve) => {
    session.deleteSubscriptions({ subscriptionIds: [subscriptionId] }, () => resolve());
  });
}

/** Takes a subscription of an earlier session over into this one; false when the server does not give it. */
export function transferSubscription(session: Session, subscriptionId: number): Promise<boolean> {
  return new Promise((resolve) => {
    session.transferSubscriptions({ subscriptionIds: [subscriptionId], sendInitialValues: true }, (error, response) =>
      resolve(error === null && response?.results?.[0]?.statusCode.isGood() === true),
    );
  });
}
