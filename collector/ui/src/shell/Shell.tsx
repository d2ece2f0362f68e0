import { useComputedColorScheme, useMantineColorScheme } from '@mantine/core';
import { Suspense, useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { api } from '../api/client';
import type { Me, MePatch } from '../api/types';
import { useT } from '../i18n/i18n';
import { AppContext, UpdateContext, type App } from '../lib/app';
import { makeFormat, safeZone } from '../lib/format';
import { go, href, useRoute } from '../lib/route';
import { Waiting } from '../parts/common';
import { Boundary } from '../parts/Boundary';
import { Icon } from '../parts/Icon';
import { problemOf, problemText } from '../parts/forms';
import { AccountMenu } from './AccountMenu';
import { BalanceLink } from './BalanceLink';
import { Bell } from './Bell';
import { Channels } from './Channels';
import { Clock } from './Clock';
import { accountPage, pagesFor } from './pages';
import { Shortcuts } from './Shortcuts';
import { useShortcuts } from './useShortcuts';

interface Toast {
  id: number;
  text: string;
  bad: boolean;
}

export function Shell({ me, update, leave }: { me: Me; update: (me: Me) => void; leave: () => Promise<void> }) {
  const t = useT();
  const route = useRoute();
  const main = useRef<HTMLElement>(null);
  const [menu, setMenu] = useState(false);
  const [help, setHelp] = useState(false);
  const [bell, setBell] = useState(false);
  const [zones, setZones] = useState(false);
  const [toasts, setToasts] = useState<Toast[]>([]);
  const { setColorScheme } = useMantineColorScheme({ keepTransitions: true }); // else it writes a <style> element
  const scheme = useComputedColorScheme('light');

  const notify = useCallback((text: string, bad = false) => {
    const id = Date.now() + Math.random();
    setToasts((all) => [...all.slice(-3), { id, text, bad }]);
    setTimeout(() => setToasts((all) => all.filter((x) => x.id !== id)), bad ? 10_000 : 4_000);
  }, []);

  const app = useMemo<App>(() => ({
    me,
    zone: safeZone(me.time_zone),
    format: makeFormat(me.language, me.time_zone),
    operator: me.role === 'operator',
    all: me.role !== 'customer',
    notify,
  }), [me, notify]);

  const change = useCallback(async (patch: MePatch) => {
    try {
      update(await api.patch<Me>('/me', patch));
    } catch (e) {
      notify(problemText(t, problemOf(e)), true);
    }
  }, [notify, t, update]);

  const mine = pagesFor(me);
  const name = route.path[0] ?? '';
  const page = mine.find((p) => p.path === name);
  const account = name === 'account';
  useEffect(() => {
    if (!page && !account) go(href('graphs'));
  }, [account, page]);
  useEffect(() => {
    setMenu(false);
    document.title = `${page ? t(page.label) : account ? t('nav.account') : ''} · Sipward`;
  }, [account, page, t]);

  const toggleScheme = useCallback(() => setColorScheme(scheme === 'dark' ? 'light' : 'dark'), [scheme, setColorScheme]);
  useShortcuts({
    pages: mine,
    on: { '?': () => setHelp(true), ...(app.all ? { b: () => setBell((x) => !x) } : {}), t: () => setZones(true), d: toggleScheme },
  });

  const groups = [...new Set(mine.map((p) => p.group))];
  const Page = page ? page.page : account ? accountPage : null;
  return (
    <AppContext.Provider value={app}>
      <a className="skip" href="#main" onClick={(e) => { e.preventDefault(); main.current?.focus(); }}>{t('skip')}</a>
      <div className="frame">
        <header className="top">
          <button type="button" className="topbutton phone-only" aria-expanded={menu} aria-controls="side" aria-label={t('nav.menu')} onClick={() => setMenu(!menu)}>
            <Icon name={menu ? 'close' : 'menu'} size={20} />
          </button>
          <a className="brand" href={href('graphs')} aria-label="Sipward"><img src="./icon.svg" alt="" /><span>Sipward</span></a>
          <div className="grow" />
          <Channels />
          <Clock zone={app.zone} opened={zones} onOpen={setZones} onZone={(time_zone) => void change({ time_zone })} />
          <BalanceLink balance={me.balance} />
          {app.all && <Bell opened={bell} onOpen={setBell} />}
          <AccountMenu me={me} scheme={scheme} onScheme={toggleScheme} onLanguage={(language) => void change({ language })} onHelp={() => setHelp(true)} onLeave={leave} />
        </header>
        <nav id="side" className={menu ? 'side open' : 'side'} aria-label={t('nav.pages')}>
          {groups.map((group) => (
            <div key={group} role="group" aria-label={t(group)}>
              <div className="group" aria-hidden="true">{t(group)}</div>
              {mine.filter((p) => p.group === group).map((p) => (
                <a key={p.path} className="navlink" href={href(p.path)} title={`${t(p.label)} (g ${p.key})`} aria-current={p === page ? 'page' : undefined}>
                  <Icon name={p.icon} /><span>{t(p.label)}</span>
                </a>
              ))}
            </div>
          ))}
        </nav>
        <main id="main" className="main" tabIndex={-1} ref={main}>
          <UpdateContext.Provider value={update}>
            <Boundary key={name} text={t('error.page')} again={t('retry')}>
              <Suspense fallback={<Waiting />}>{Page && <Page />}</Suspense>
            </Boundary>
          </UpdateContext.Provider>
        </main>
      </div>
      <Shortcuts opened={help} onClose={() => setHelp(false)} pages={mine} />
      <div className="toasts" aria-live="polite">
        {toasts.map((x) => <div key={x.id} className={x.bad ? 'toast isbad' : 'toast'}>{x.text}</div>)}
      </div>
    </AppContext.Provider>
  );
}
