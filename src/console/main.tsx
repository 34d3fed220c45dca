import '@fontsource-variable/inter/wght.css';
import './styles/tokens.css';
import './styles/base.css';
import './styles/controls.css';
import './styles/layout.css';
import './styles/content.css';
import { render } from 'preact';
import { followAlerts } from './api/live.ts';
import { resume } from './api/session.ts';
import { App } from './app.tsx';
import { followTheme } from './components/theme.ts';

followTheme();
followAlerts();
render(<App />, document.body);

/** Until the server answers. */
const begin = async (): Promise<void> => {
  try {
    await resume();
  } catch {
    setTimeout(() => void begin(), 2_000);
  }
};
void begin();
