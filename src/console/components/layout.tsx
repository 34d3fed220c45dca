import { Keyboard, LogOut, Menu, Moon, Sun, SunMoon } from 'lucide';
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import { isLive } from '../api/live.ts';
import { logOut, session } from '../api/session.ts';
import { type Entry, groups } from '../pages/entries.ts';
import { AlertHost } from './alert-host.tsx';
import { Announcer } from './announcer.tsx';
import { ConfirmHost } from './confirm.tsx';
import { Dialog } from './dialog.tsx';
import { Icon } from './icon.tsx';
import { ShortcutHost, showShortcuts } from './shortcuts.tsx';
import { nextTheme, theme } from './theme.ts';
import { ToastHost } from './toast.tsx';

/** Everything around a page: the navigation, whether alerts arrive, and where messages and questions appear. */
export const Layout = ({ children }: { children: ComponentChildren }) => {
  const [isMenuOpen, setMenuOpen] = useState(false);
  return (
    <div class="layout">
      <a class="skip" href="#content">
        Skip the navigation
      </a>
      <aside class="side">
        <Brand />
        <Navigation />
        <SideFoot />
      </aside>
      <div id="content" class="content" tabIndex={-1}>
        {isLive.value === false && (
          <p class="away" role="alert">
            The server does not answer. What is shown may be old; this page keeps trying.
          </p>
        )}
        {children}
      </div>
      <TabBar onMore={() => setMenuOpen(true)} />
      {isMenuOpen && (
        <Dialog title="Watchpost" onClose={() => setMenuOpen(false)}>
          <Navigation onGo={() => setMenuOpen(false)} />
          <SideFoot />
        </Dialog>
      )}
      <AlertHost />
      <ConfirmHost />
      <ShortcutHost />
      <ToastHost />
      <Announcer />
    </div>
  );
};

const Brand = () => (
  <a class="brand" href="/console/">
    <img src="/console/icon.svg" alt="" width={28} height={28} />
    Watchpost
  </a>
);

const isCurrent = (path: string, { href }: Entry): boolean =>
  href === '/console/' ? path === href || path === '/console' : path === href || path.startsWith(`${href}/`);

const Navigation = ({ onGo }: { onGo?: () => void }) => {
  const { path } = useLocation();
  return (
    <nav aria-label="Pages">
      {groups.map(({ title, entries }) => (
        <section key={title}>
          <h2>{title}</h2>
          {entries.map((entry) => (
            <a
              key={entry.href}
              href={entry.href}
              aria-current={isCurrent(path, entry) ? 'page' : undefined}
              onClick={onGo}
            >
              <Icon of={entry.icon} />
              {entry.title}
            </a>
          ))}
        </section>
      ))}
    </nav>
  );
};

const themes = {
  system: { icon: SunMoon, words: 'as the system' },
  light: { icon: Sun, words: 'light' },
  dark: { icon: Moon, words: 'dark' },
};

const SideFoot = () => (
  <div class="side-foot">
    <p class="live" data-live={isLive.value ? '' : undefined}>
      {isLive.value ? 'Alerts arrive as they are raised' : 'Not connected'}
    </p>
    <p class="who" title={session.value?.actor}>
      {session.value?.name}
    </p>
    <div class="side-buttons">
      <button
        type="button"
        class="icon-button"
        aria-label={`Colours: ${themes[theme.value].words}`}
        title={`Colours: ${themes[theme.value].words}`}
        onClick={nextTheme}
      >
        <Icon of={themes[theme.value].icon} />
      </button>
      <button type="button" class="icon-button" aria-label="Keys" title="Keys" onClick={showShortcuts}>
        <Icon of={Keyboard} />
      </button>
      <button
        type="button"
        class="icon-button"
        aria-label="Log out"
        title="Log out"
        onClick={() => void logOut()}
      >
        <Icon of={LogOut} />
      </button>
    </div>
  </div>
);

/** At the foot of a narrow screen, where a thumb reaches. */
const TabBar = ({ onMore }: { onMore: () => void }) => {
  const { path } = useLocation();
  const entries = groups.flatMap((group) => group.entries).filter(({ isMain }) => isMain);
  return (
    <nav class="tabs" aria-label="Main pages">
      {entries.map((entry) => (
        <a key={entry.href} href={entry.href} aria-current={isCurrent(path, entry) ? 'page' : undefined}>
          <Icon of={entry.icon} size={22} />
          {entry.title}
        </a>
      ))}
      <button type="button" onClick={onMore}>
        <Icon of={Menu} size={22} />
        More
      </button>
    </nav>
  );
};
