import { useComputed, useSignal, useSignalEffect } from '@preact/signals';
import type { ComponentType } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import type { Me } from '../api/schemas/session.ts';
import { get, sentenceFor, signedIn } from './fetch.ts';
import { formatCount } from './format/numbers.ts';
import { alarmCounts, connection, isMoving, startLive, workOrderCounts } from './live/store.ts';
import Login from './pages/login.tsx';
import Overview from './pages/overview.tsx';
import { ConnectionChip, DisconnectedBar } from './parts/connection.tsx';
import { Mark } from './parts/mark.tsx';
import { Empty, Failed, Waiting } from './parts/notice.tsx';
import { ThemeButton } from './parts/theme.tsx';
import { loadPlant } from './plant.ts';
import { titleOf } from './title.ts';
import { pathOf, queryValue, route } from './router.ts';
import { me, signOut } from './session.ts';

/** Every page but the overview is its own chunk, so that the board on the wall loads 30 KB and no more. */
const pages = {
  line: () => import('./pages/line.tsx'),
  machine: () => import('./pages/machine.tsx'),
  alarms: () => import('./pages/alarms.tsx'),
  'work-orders': () => import('./pages/work-orders.tsx'),
  'work-order': () => import('./pages/work-order.tsx'),
  data: () => import('./pages/data.tsx'),
};

/** The whole page: asks who is there, then shows the login or the plant. */
export function App() {
  const error = useSignal<string | null>(null);

  function ask(): void {
    error.value = null;
    get<Me>('/me').then(
      (answer) => {
        me.value = answer;
        startLive();
        void loadPlant();
      },
      (failure: unknown) => {
        if (signedIn.peek() !== false) error.value = sentenceFor(failure);
      },
    );
  }
  useEffect(ask, []);

  const isLogin = signedIn.value === false;
  useEffect(() => {
    if (isLogin) document.title = titleOf({ page: 'login' });
  }, [isLogin]);

  if (isLogin) return <Login ended={me.value !== null} />;
  if (error.value !== null)
    return (
      <main class="login">
        <Failed what="Millrace" error={error.value} retry={ask} />
      </main>
    );
  if (me.value === null) return <main class="login" />;
  return <Shell />;
}

function Shell() {
  const look = useComputed(() => (isMoving.value ? 'app' : 'app app-frozen'));
  const kiosk = queryValue('kiosk') === '1';
  const main = useRef<HTMLElement>(null);
  const path = pathOf(route.value);
  const shown = useRef(path);
  useSignalEffect(() => {
    document.title = titleOf(route.value);
  });
  // Another page begins at its top for the keyboard and for a screen reader too.
  useEffect(() => {
    if (shown.current !== path) main.current?.focus({ preventScroll: true });
    shown.current = path;
  }, [path]);
  return (
    <div class={look}>
      <a class="skip" href="#main">
        Skip to the content
      </a>
      {!kiosk && <Header />}
      <DisconnectedBar />
      <main id="main" tabIndex={-1} ref={main}>
        <Page />
      </main>
    </div>
  );
}

function Header() {
  const page = route.value.page;
  const alarms = useComputed(() => formatCount(alarmCounts.value?.open));
  const orders = useComputed(() => formatCount(workOrderCounts.value?.open));
  const here = (...names: string[]): 'page' | undefined => (names.includes(page) ? 'page' : undefined);
  return (
    <header class="top">
      <a class="brand" href="/">
        <Mark /> Millrace
      </a>
      <nav class="menu" aria-label="Pages">
        <a href="/" aria-current={here('overview', 'line', 'machine')}>
          Plant
        </a>
        <a href="/alarms" aria-current={here('alarms')}>
          Alarms <span class="menu-count">{alarms}</span>
        </a>
        <a href="/work-orders" aria-current={here('work-orders', 'work-order')}>
          <span>
            <span class="wide">Work </span>
            <span class="first-upper">orders</span>
          </span>{' '}
          <span class="menu-count">{orders}</span>
        </a>
        <a href="/data" aria-current={here('data')}>
          <span>
            Data<span class="wide"> health</span>
          </span>
        </a>
      </nav>
      <ConnectionChip />
      <ThemeButton />
      <span class="who wide" title={`${me.value?.email}, ${me.value?.role}`}>
        {me.value?.name}
      </span>
      <button type="button" class="plain wide" onClick={signOut}>
        Sign out
      </button>
    </header>
  );
}

function Page() {
  const here = route.value;
  switch (here.page) {
    case 'overview':
    case 'login':
      return <Overview />;
    case 'missing':
      return (
        <Empty title="There is no such page">
          <a href="/">Back to the plant</a>
        </Empty>
      );
    default:
      return <Lazy key={here.page} name={here.page} id={'id' in here ? here.id : 0} />;
  }
}

function Lazy({ name, id }: { name: keyof typeof pages; id: number }) {
  const loaded = useSignal<{ default: ComponentType<{ id: number }> } | null>(null);
  const failed = useSignal(false);
  const load = (): void => {
    failed.value = false;
    pages[name]().then(
      (module) => {
        loaded.value = module;
      },
      () => {
        failed.value = true;
      },
    );
  };
  useEffect(load, [name]);
  // A chunk that is gone while the server is there means that a newer version has been installed meanwhile.
  if (failed.value)
    return connection.value.state === 'live' ? (
      <Failed what="This page" error="A newer version may have been installed." retry={() => location.reload()} />
    ) : (
      <Failed what="This page" error="The server cannot be reached from this browser." retry={load} />
    );
  if (loaded.value === null) return <Waiting lines={12} />;
  const Component = loaded.value.default;
  return <Component key={id} id={id} />;
}
