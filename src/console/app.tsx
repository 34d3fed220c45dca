import { LocationProvider, Route, Router } from 'preact-iso';
import { session } from './api/session.ts';
import { Empty } from './components/empty.tsx';
import { Layout } from './components/layout.tsx';
import { Page } from './components/page.tsx';
import { pages } from './pages/index.ts';
import { Login } from './pages/login/index.tsx';

const Unknown = () => (
  <Page title="Nothing here">
    <Empty title="There is no such page">
      <a href="/console/">Go to Live</a>
    </Empty>
  </Page>
);

/** The console: the log-in, or the page of the address within the layout. */
export const App = () => {
  if (session.value === undefined) return <p class="starting">Watchpost…</p>;
  if (session.value === null) return <Login />;
  return (
    <LocationProvider scope="/console">
      <Layout>
        <Router>
          {pages.map(({ path, component }) => (
            <Route key={path} path={path} component={component} />
          ))}
          <Route default component={Unknown} />
        </Router>
      </Layout>
    </LocationProvider>
  );
};
