import type { ComponentChildren } from 'preact';

/** What stands where there is nothing to show, and why. */
export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="notice">
      <h2 class="notice-title">{title}</h2>
      {children !== undefined && <p>{children}</p>}
    </div>
  );
}

/** A question that failed: the sentence, and how to ask again. */
export function Failed({ what, error, retry }: { what: string; error: string; retry: () => void }) {
  return (
    <div class="notice notice-error" role="alert">
      <p class="notice-title">{what} could not be loaded</p>
      <p>{error}</p>
      <button type="button" onClick={retry}>
        Try again
      </button>
    </div>
  );
}

/** A quiet placeholder of the final height, so that nothing jumps when the answer comes. */
export function Waiting({ lines = 4 }: { lines?: number }) {
  return (
    <div class="waiting" role="status" aria-label="Loading">
      {Array.from({ length: lines }, (_, at) => (
        <span key={at} />
      ))}
    </div>
  );
}
