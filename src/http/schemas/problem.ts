import { z } from 'zod';
import { type ProblemCode, problems } from '../../errors.ts';

const codes = Object.keys(problems) as [ProblemCode, ...ProblemCode[]];

/** Every error, as problem details (RFC 9457); see problem.ts. */
export const problem = z
  .strictObject({
    type: z.string().regex(/^urn:watchpost:problem:/),
    title: z.string().meta({ description: 'The same for every error with this code.' }),
    status: z.int().min(400).max(599),
    code: z.enum(codes).meta({ description: 'The stable name of this kind of error.' }),
    detail: z.string().meta({ description: 'A sentence about this case.' }),
    hint: z.string().optional().meta({ description: 'What to do about it.' }),
    instance: z.string().optional().meta({ description: 'The path of the call.' }),
    request_id: z.string().optional().meta({ description: 'As in the header Request-Id.' }),
  })
  .meta({ id: 'Problem', description: 'An error, as problem details (RFC 9457).' });
