/** What an address of each protocol looks like, and how that is said of a plant's enterprise. */
const forms: Readonly<Record<string, { pattern: RegExp; accepted: (enterprise: string) => string }>> = {
  mqtt: {
    // The last part may come from a payload of a whole machine, where a signal's name is free.
    pattern: /^[^/+#]+(\/[^/+#]+){3}\/.+$/u,
    accepted: (enterprise) => `a topic ${enterprise}/site/line/machine/signal without "+" and "#"`,
  },
  sparkplug: {
    // An edge node's own metrics have no device. Only a metric's name may hold slashes.
    pattern: /^[^/+#]+\/[^/+#]+\/[^/+#]*\/.+$/u,
    accepted: () => 'group/edge node/device/metric, or group/edge node//metric',
  },
  opcua: {
    pattern: /^(nsu=[^;]+;|ns=\d{1,5};)?(s=.+|i=\d{1,10}|g=[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}|b=[\w+/=-]+)$/iu,
    accepted: () => 'a node id nsu=<namespace URI>;s=<identifier> (or i=, g=, b=)',
  },
};

/**
 * What is accepted instead of an address from which nothing can ever be received; undefined when it is right. Without an
 * enterprise, because that is wrong itself, its topics are not held against it.
 */
export function acceptedAddress(protocol: string, address: string, enterprise: string | undefined): string | undefined {
  const form = forms[protocol];
  if (form === undefined) return undefined;
  const isElsewhere = protocol === 'mqtt' && enterprise !== undefined && !address.startsWith(`${enterprise}/`);
  return form.pattern.test(address) && !isElsewhere ? undefined : form.accepted(enterprise ?? 'enterprise');
}
