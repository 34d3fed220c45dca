import { CircleAlert } from 'lucide';
import type { Problem } from '../api/problem.ts';
import { Icon } from './icon.tsx';

/** What went wrong, in words, what to do about it, and the code of the error. Nothing without a problem. */
export const ProblemNote = ({ problem, onRetry }: { problem: Problem | undefined; onRetry?: () => void }) =>
  problem ? (
    <div class="problem" role="alert">
      <Icon of={CircleAlert} />
      <div>
        <p>{problem.message}</p>
        {problem.hint && <p class="faint">{problem.hint}</p>}
        <p class="code">{problem.code}</p>
      </div>
      {onRetry && (
        <button type="button" class="button" onClick={onRetry}>
          Try again
        </button>
      )}
    </div>
  ) : null;
