import { useEffect, useRef, useState } from 'preact/hooks';
import { type Problem, problemOf } from '../../api/problem.ts';
import { logIn } from '../../api/session.ts';
import { Field } from '../../components/field.tsx';
import { ProblemNote } from '../../components/problem.tsx';
import './login.css';

/** Asks for an API key and opens a session with it. */
export const Login = () => {
  const [key, setKey] = useState('');
  const [problem, setProblem] = useState<Problem>();
  const [isBusy, setBusy] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    document.title = 'Log in · Watchpost';
    input.current?.focus();
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
        <p class="lead">Log in with an API key.</p>
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
        <button type="submit" class="button primary wide" disabled={isBusy}>
          Log in
        </button>
      </form>
    </main>
  );
};
