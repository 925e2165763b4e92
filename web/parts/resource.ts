import { useEffect, useRef, useState } from 'preact/hooks';
import { RequestError, sentenceFor } from '../fetch.ts';

export interface Resource<Value> {
  /** The newest answer; stays while the next one is on the way, so that nothing flickers. */
  value: Value | null;
  error: string | null;
  /** The server knows no such thing: asking again would not help. */
  missing: boolean;
  loading: boolean;
  reload(): void;
}

type Shown<Value> = Omit<Resource<Value>, 'reload'> & { key: string };

/**
 * Asks for something and keeps the answer. `key` names the question: another key asks anew and forgets the old answer.
 * Late answers to earlier questions are dropped. `everySeconds` asks again by itself while the page is in sight.
 */
export function useResource<Value>(
  key: string,
  ask: (abort: AbortSignal) => Promise<Value>,
  everySeconds?: number,
): Resource<Value> {
  const [shown, show] = useState<Shown<Value>>({
    key,
    value: null,
    error: null,
    missing: false,
    loading: true,
  });
  const [round, setRound] = useState(0);
  const newest = useRef(ask);
  newest.current = ask;

  useEffect(() => {
    const abort = new AbortController();
    show((old) =>
      old.key === key ? { ...old, loading: true } : { key, value: null, error: null, missing: false, loading: true },
    );
    newest.current(abort.signal).then(
      (value) => {
        if (!abort.signal.aborted) show({ key, value, error: null, missing: false, loading: false });
      },
      (error: unknown) => {
        const missing = error instanceof RequestError && error.status === 404;
        if (!abort.signal.aborted) show((old) => ({ ...old, error: sentenceFor(error), missing, loading: false }));
      },
    );
    const timer = everySeconds === undefined ? undefined : setTimeout(again, everySeconds * 1000);
    function again(): void {
      if (document.visibilityState === 'visible') setRound((n) => n + 1);
      else document.addEventListener('visibilitychange', again, { once: true });
    }
    return () => {
      abort.abort();
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', again);
    };
  }, [key, round, everySeconds]);

  const present = shown.key === key ? shown : { value: null, error: null, missing: false, loading: true };
  const { value, error, missing, loading } = present;
  return { value, error, missing, loading, reload: () => setRound((n) => n + 1) };
}
