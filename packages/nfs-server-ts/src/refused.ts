import type { Nfsstat3Failure } from './attributes.ts';
import { procedures } from './nfs3.ts';
import type { ArgsOf, BackendProcedureName, FailOf, Nfs3Program, OkOf } from './nfs3.ts';
import type { CallContext } from './rpc.ts';

/** Fails a procedure with a status; becomes one where the procedure was entered. */
export class Refused extends Error {
  readonly status: Nfsstat3Failure;
  constructor(status: Nfsstat3Failure) {
    super(status);
    this.status = status;
  }
}

export function refuseIf(condition: boolean, status: Nfsstat3Failure): void {
  if (condition) throw new Refused(status);
}

/** The procedures as plain functions: they return the resok or throw `Refused`. */
export type PlainProgram = {
  readonly [Name in BackendProcedureName]: (
    call: CallContext,
    args: ArgsOf<Name>,
  ) => OkOf<Name> | Promise<OkOf<Name>>;
};

/** What a failed call tells of attributes: see `resfail` of the table. */
export type Failing = <Name extends BackendProcedureName>(
  name: Name,
  args: ArgsOf<Name>,
) => FailOf<Name> | Promise<FailOf<Name>>;

/** Says nothing of attributes, which RFC 1813 §2.6 allows: the client then has to ask for them. */
export const failingBare: Failing = (name) => procedures[name].failBare as FailOf<typeof name>;

/** A program of plain functions. `translate` says what an exception means that is no `Refused`; `undefined`: that it is a defect. */
export function answering(
  plain: PlainProgram,
  failing: Failing = failingBare,
  translate: (failure: unknown) => Nfsstat3Failure | undefined = () => undefined,
): Nfs3Program {
  const names = Object.keys(plain) as BackendProcedureName[];
  const functions = names.map((name) => {
    const run = plain[name] as (call: CallContext, args: unknown) => unknown;
    const answer = async (call: CallContext, args: unknown): Promise<unknown> => {
      try {
        return { status: 'NFS3_OK', ok: await run(call, args) };
      } catch (failure) {
        const status = failure instanceof Refused ? failure.status : translate(failure);
        if (status === undefined) throw failure;
        return { status, fail: await failing(name, args as never) };
      }
    };
    return [name, answer];
  });
  return Object.fromEntries(functions) as Nfs3Program;
}
