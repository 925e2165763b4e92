import { useSignal } from '@preact/signals';
import { post, sentenceFor } from '../fetch.ts';
import { RequestError } from '../fetch.ts';
import { Mark } from '../parts/mark.tsx';
import { formText } from '../parts/form-text.ts';
import { focusOnAppearance } from '../parts/focus.ts';

/** Signs in and reloads, so that every tab of the browser starts its stream with the new session. */
export default function Login({ ended }: { ended: boolean }) {
  const error = useSignal<string | null>(null);
  const busy = useSignal(false);

  async function submit(event: Event): Promise<void> {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const password = form.get('password');
    busy.value = true;
    error.value = null;
    try {
      await post('/login', {
        email: formText(form, 'email'),
        password: typeof password === 'string' ? password : '',
      });
      const next = location.pathname === '/login' ? '/' : location.pathname + location.search;
      location.assign(next);
    } catch (failure) {
      busy.value = false;
      error.value =
        failure instanceof RequestError && failure.status === 401
          ? 'E-mail address or password is wrong.'
          : sentenceFor(failure);
    }
  }

  return (
    <main class="login">
      <form class="panel" onSubmit={(event) => void submit(event)}>
        <h1>
          <Mark /> Millrace
        </h1>
        {ended && <p class="muted">The session has ended. Sign in to go on where you were.</p>}
        <label>
          E-mail address
          <input name="email" type="email" autocomplete="username" required ref={focusOnAppearance} />
        </label>
        <label>
          Password
          <input name="password" type="password" autocomplete="current-password" required />
        </label>
        <p class="form-error" role="alert">
          {error}
        </p>
        <button type="submit" class="primary" disabled={busy}>
          Sign in
        </button>
      </form>
    </main>
  );
}
