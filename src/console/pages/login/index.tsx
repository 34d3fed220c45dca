import { useEffect, useRef, useState } from 'preact/hooks';
import { Problem, problemOf } from '../../api/problem.ts';
import { logIn, waysToLogIn } from '../../api/session.ts';
import { Field } from '../../components/field.tsx';
import { ProblemNote } from '../../components/problem.tsx';
import './login.css';

const refusals: Record<string, { detail: string; hint: string }> = {
  role: {
    detail: 'You are known, but nobody has said what you may do here.',
    hint: 'Your role at the organisation is named in WATCHPOST_OIDC_ROLES by whoever runs this server.',
  },
  provider: {
    detail: 'The log-in at your organisation did not succeed.',
    hint: 'Try again; the log of the server says why.',
  },
};

/** Asks for an API key and opens a session with it. */
export const Login = () => {
  const [key, setKey] = useState('');
  const [problem, setProblem] = useState<Problem>();
  const [isBusy, setBusy] = useState(false);
  const [hasOidc, setHasOidc] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    document.title = 'Log in · Watchpost';
    input.current?.focus();
    void waysToLogIn().then(({ oidc }) => setHasOidc(oidc));
    const why = new URLSearchParams(location.search).get('refused');
    if (!why) return;
    setProblem(new Problem(403, { code: `refused_${why}`, ...refusals[why] }));
    history.replaceState(null, '', location.pathname);
  }, []);
  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setProblem(undefined);
    try {
      await logIn(key.trim());
    } catch (thrown) {
      setProblem(problemOf(thrown));
      input.current?.select();
    } finally {
      setBusy(false);
    }
  };
  return (
    <main class="login">
      <form class="login-card" onSubmit={(event) => void submit(event)}>
        <img src="/console/icon.svg" alt="" width={48} height={48} />
        <h1>Watchpost</h1>
        <p class="lead">{hasOidc ? 'Log in' : 'Log in with an API key.'}</p>
        {hasOidc && (
          <>
            <a class="button primary wide" href="/session/oidc">
              With your organisation
            </a>
            <p class="login-or">or with an API key</p>
          </>
        )}
        <Field
          label="API key"
          hint={
            <>
              The first one is in the file <code>api-key</code> of the data folder;{' '}
              <code>watchpost key create NAME</code> makes one for each person.
            </>
          }
        >
          {(control) => (
            <input
              {...control}
              ref={input}
              type="password"
              autocomplete="current-password"
              required
              value={key}
              onInput={(event) => setKey(event.currentTarget.value)}
            />
          )}
        </Field>
        <ProblemNote problem={problem} />
        <button type="submit" class={`button wide ${hasOidc ? '' : 'primary'}`} disabled={isBusy}>
          Log in
        </button>
      </form>
    </main>
  );
};
