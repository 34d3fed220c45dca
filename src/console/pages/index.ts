import type { ComponentType } from 'preact';
import { lazy } from 'preact-iso';

/** A page gets the parts of its address that have a name. */
interface Route {
  readonly path: string;
  readonly component: ComponentType<{ id?: string; part?: string }>;
}

/** The pages by their address. Each is a file of its own that is loaded when it is shown first. */
export const pages: readonly Route[] = [
  { path: '/console/', component: lazy(() => import('./live/index.tsx')) },
  { path: '/console/alerts/:id?', component: lazy(() => import('./alerts/index.tsx')) },
  { path: '/console/people/:part*', component: lazy(() => import('./people/index.tsx')) },
  { path: '/console/strangers/:part*', component: lazy(() => import('./strangers/index.tsx')) },
  { path: '/console/tracks/:id', component: lazy(() => import('./tracks/index.tsx')) },
  { path: '/console/search', component: lazy(() => import('./photo-search/index.tsx')) },
  { path: '/console/lists/:part*', component: lazy(() => import('./lists/index.tsx')) },
  { path: '/console/cameras/:part*', component: lazy(() => import('./cameras/index.tsx')) },
  { path: '/console/pipeline/:part*', component: lazy(() => import('./pipeline/index.tsx')) },
  { path: '/console/record/:part*', component: lazy(() => import('./record/index.tsx')) },
  { path: '/console/settings/:part*', component: lazy(() => import('./settings/index.tsx')) },
];
