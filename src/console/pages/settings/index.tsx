import { session } from '../../api/session.ts';
import { clock } from '../../components/ago.tsx';
import { Page } from '../../components/page.tsx';
import { Bridges } from './bridges.tsx';
import { Endpoints } from './endpoints.tsx';
import { Keys } from './keys.tsx';
import { Parts } from './parts.tsx';
import './settings.css';
import { Sites } from './sites.tsx';

/** What one may do oneself; endpoints, bridges, keys and sites for who administers. */
export default ({ part = '' }: { part?: string }) => {
  if (part === 'endpoints') return <Endpoints />;
  if (part === 'bridges') return <Bridges />;
  if (part === 'keys') return <Keys />;
  if (part === 'sites') return <Sites />;
  return <Own />;
};

const scopes: Readonly<Record<string, string>> = {
  submit: 'submit photos of cameras',
  read: 'see alerts, people and photos, and search',
  enrol: 'add people and photos of them',
  review: 'acknowledge, confirm and dismiss alerts',
  administer: 'everything, also lists, cameras, keys and the record',
};

const Own = () => {
  const own = session.value;
  if (!own) return null;
  const bounds = [
    own.sites && `${own.sites.length} site${own.sites.length === 1 ? '' : 's'}`,
    own.cameras && `${own.cameras.length} camera${own.cameras.length === 1 ? '' : 's'}`,
    own.watchlists && `${own.watchlists.length} list${own.watchlists.length === 1 ? '' : 's'}`,
  ].filter(Boolean);
  return (
    <Page title="Settings" toolbar={<Parts />}>
      <section class="card own" aria-labelledby="own">
        <h2 id="own">You</h2>
        <dl class="facts">
          <dt>Key</dt>
          <dd>{own.name}</dd>
          <dt>On record as</dt>
          <dd>{own.actor}</dd>
          <dt>You may</dt>
          <dd>
            <ul>
              {own.scopes.map((scope) => (
                <li key={scope}>
                  <strong>{scope}</strong> <span class="faint">{scopes[scope]}</span>
                </li>
              ))}
            </ul>
          </dd>
          <dt>Bound to</dt>
          <dd>{bounds.join(', ') || 'nothing: you see everything'}</dd>
          <dt>Logged in until</dt>
          <dd>{clock(own.expires_at)}</dd>
        </dl>
      </section>
      <p class="faint">
        Switch sound and notifications on at <a href="/console/">Live</a>; choose colours and keys at the foot
        of the navigation. They are kept in this browser.
      </p>
    </Page>
  );
};
