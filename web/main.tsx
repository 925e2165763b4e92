import { render } from 'preact';
import { App } from './app.tsx';
import './look/palette.css';
import './look/base.css';
import './look/frame.css';
import './look/overview.css';
import './look/tile.css';
import './look/parts.css';
import './look/machine.css';
import './look/line.css';
import './look/alarms.css';
import './look/orders.css';
import './look/data.css';
import { followLinks } from './router.ts';

followLinks();
render(<App />, document.getElementById('app') as HTMLElement);
