import type { ClientSession, ClientSessionPublishService, ClientSessionRawSubscriptionService } from 'node-opcua';

/**
 * A session with the services below its own subscriptions: every session of node-opcua has them and its package
 * exports both interfaces, only the declared type of a session leaves them out. The tests against real servers fail
 * when a later version takes them away.
 */
export type Session = ClientSession & ClientSessionRawSubscriptionService & ClientSessionPublishService;
