import { render } from 'preact';
import { App } from './app.tsx';
import './look/palette.css';
import './look/base.css';
import './look/overview.css';
import './look/pages.css';
import { followLinks } from './router.ts';

followLinks();
render(<App />, document.getElementById('app') as HTMLElement);
