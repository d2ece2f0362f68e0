import { useQueryClient } from '@tanstack/react-query';
import { useCallback, useEffect, useState } from 'react';
import { api, keepSession, onExpired } from '../api/client';
import type { Me, Session } from '../api/types';
import { english, loadMessages, makeT, TContext, type Messages } from '../i18n/i18n';
import { parseRoute, useRoute } from '../lib/route';
import { Trouble, Waiting } from '../parts/common';
import { GatePage } from './GatePage';
import { Login } from './Login';
import { preload } from './pages';
import { SetupPage } from './SetupPage';
import { Shell } from './Shell';
import { Totp } from './Totp';

const languageKey = 'sipward-language'; // of the last account here, for the login page

function firstLanguage(): string {
  try {
    return localStorage.getItem(languageKey) ?? navigator.language.slice(0, 2);
  } catch {
    return navigator.language.slice(0, 2);
  }
}

// Gate shows the dashboard to whoever has a session, and else the way to one.
export function Gate() {
  const [messages, setMessages] = useState<Messages>(english);
  const [state, setState] = useState<Session['state'] | 'asking'>('asking');
  const [me, setMe] = useState<Me | null>(null);
  const [ended, setEnded] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const queries = useQueryClient();
  const route = useRoute();

  const speak = useCallback((language: string) => {
    document.documentElement.lang = language === 'de' ? 'de' : 'en';
    loadMessages(language).then(setMessages, () => setMessages(english));
  }, []);

  const take = useCallback(async (s: Session) => {
    keepSession(s);
    const mine = s.me;
    if (mine) {
      speak(mine.language);
      await preload(parseRoute(location.hash).path[0]);
      try {
        localStorage.setItem(languageKey, mine.language);
      } catch {
        // Storage is forbidden: the login page then follows the browser.
      }
      setMe(mine);
      setEnded(false);
    }
    setState(s.state);
  }, [speak]);

  const ask = useCallback(() => {
    setError(null);
    api.get<Session>('/session').then(take).catch(setError);
  }, [take]);

  useEffect(() => {
    void preload(parseRoute(location.hash).path[0]); // while it is found out who asks
    speak(firstLanguage());
    onExpired(() => {
      setEnded(true);
      setMe(null);
      setState('none');
      queries.clear();
    });
    ask();
  }, [ask, queries, speak]);

  const leave = useCallback(async () => {
    await api.delete('/session');
    queries.clear();
    setMe(null);
    setState('none');
  }, [queries]);

  const update = useCallback((mine: Me) => {
    if (mine.language !== me?.language) speak(mine.language);
    setMe(mine);
  }, [me?.language, speak]);

  const t = makeT(messages);
  const setup = route.path[0] === 'setup' ? route.path[1] : undefined;
  return (
    <TContext.Provider value={t}>
      {setup && state !== 'in' && state !== 'asking' ? <SetupPage token={setup} onDone={take} />
        : error ? <GatePage><Trouble error={error} retry={ask} /></GatePage>
        : state === 'asking' ? <Waiting />
        : state === 'none' ? <Login ended={ended} onDone={take} />
        : state === 'totp' ? <Totp onDone={take} onBack={() => setState('none')} />
        : me ? <Shell me={me} update={update} leave={leave} />
        : <Waiting />}
    </TContext.Provider>
  );
}
