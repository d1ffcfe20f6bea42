import type { Clock, Log } from './environment.ts';
import type { Peer } from './peer.ts';
import { ReplayCache, replayKey, type Answer } from './replay.ts';
import { attempt, AuthRefused, beginAccepted, endRecord, readCall, writeRefusal } from './rpc.ts';
import type { AcceptStat, AuthStat, Call, CallContext } from './rpc.ts';
import type { ServerLimits } from './limits.ts';
import { XdrError, XdrWriter, type XdrReader } from './xdr.ts';

/** How one run of a procedure ended, not yet encoded. */
export interface Outcome {
  /** The protocol's own name of it, for the observer. */
  readonly status: string;
  /** Whether a retransmission must get this same reply. False where nothing was done and a later try may succeed. */
  readonly isFinal: boolean;
  /** To be called when nobody looks any more at the byte strings that were encoded. */
  readonly whenSent?: (() => void) | undefined;
  encode(writer: XdrWriter): void;
}

/** One remote procedure as the RPC layer sees it. */
export interface RpcProcedure {
  readonly name: string;
  readonly isIdempotent: boolean;
  /** Decodes the arguments now. Faults: XdrError. */
  prepare(args: XdrReader): Prepared;
}

/** A decoded call, not yet run. */
export interface Prepared {
  /** What the reply may hold beyond a few hundred bytes. Not 0 only of idempotent calls. */
  readonly replyBytesAsked: number;
  run(context: CallContext): Promise<Outcome>;
}

/** Resolves when the connection has room for a reply of so many bytes; with `false` when the connection is gone. */
export type MakeRoom = (replyBytes: number) => Promise<boolean>;

/** One version of a program. Procedure 0, NULL, is answered for all of them. */
export interface RpcProgram {
  readonly name: string;
  readonly number: number;
  readonly version: number;
  /** By number. */
  readonly procedures: ReadonlyMap<number, RpcProcedure>;
}

/** One answered call, for metrics and traces. */
export interface CallReport {
  readonly program: string;
  readonly procedure: string;
  /** The protocol's status, or the RPC layer's. */
  readonly status: string;
  readonly client: string;
  readonly requestBytes: number;
  readonly replyBytes: number;
  readonly ms: number;
}
export type Observer = (report: CallReport) => void;

export interface DispatcherParts {
  readonly programs: readonly RpcProgram[];
  readonly clock: Clock;
  readonly log: Log;
  readonly observe: Observer;
  readonly limits: ServerLimits;
}

/** The record of a reply. */
export type Outgoing = Pick<Answer, 'parts' | 'whenSent'>;

/** Answers calls: finds the procedure, decodes, runs it (once), encodes. Knows nothing of connections. */
export class Dispatcher {
  readonly #parts: DispatcherParts;
  readonly #byNumber = new Map<number, readonly RpcProgram[]>();
  readonly #replays: ReplayCache;
  readonly #writer = new XdrWriter();

  constructor(parts: DispatcherParts) {
    this.#parts = parts;
    this.#replays = new ReplayCache(parts.limits);
    for (const program of parts.programs) {
      this.#byNumber.set(program.number, [...(this.#byNumber.get(program.number) ?? []), program]);
    }
  }

  /** The whole record to send back. Faults: XdrError when the message is no call, so nothing can be answered. */
  async answer(message: XdrReader, peer: Peer, makeRoom: MakeRoom): Promise<Outgoing> {
    const started = this.#parts.clock.monotonic();
    const call = readCall(message, peer);
    if ('refusal' in call) return { parts: writeRefusal(this.#writer, call.xid, call.refusal) };
    const found = this.#find(call, message);
    if ('parts' in found) return found;
    const { program, procedure } = found;
    const requestBytes = message.length;
    const report = (status: string, parts: readonly Uint8Array[]): void => {
      const ms = this.#parts.clock.monotonic() - started;
      const replyBytes = parts.reduce((sum, part) => sum + part.length, 0);
      this.#parts.observe({
        program: program.name,
        procedure: procedure.name,
        status,
        client: peer.address,
        requestBytes,
        replyBytes,
        ms,
      });
    };
    if (procedure.isIdempotent) {
      const answer = await this.#run(call, procedure, { args: message, makeRoom });
      report(answer.status, answer.parts);
      return answer;
    }
    let status = 'replayed';
    const { parts } = await this.#replays.once(replayKey(call, message), async () => {
      const answer = await this.#run(call, procedure, { args: message, makeRoom });
      status = answer.status;
      return answer;
    });
    report(status, parts);
    return { parts };
  }

  #find(
    call: Call,
    message: XdrReader,
  ): { program: RpcProgram; procedure: RpcProcedure } | { parts: Uint8Array[] } {
    const versions = this.#byNumber.get(call.program);
    if (versions === undefined) return { parts: this.#accepted(call.xid, 'PROG_UNAVAIL') };
    const program = versions.find((candidate) => candidate.version === call.version);
    if (program === undefined) return { parts: this.#versionMismatch(call.xid, versions) };
    if (call.procedure === 0)
      return { parts: this.#accepted(call.xid, message.left === 0 ? 'SUCCESS' : 'GARBAGE_ARGS') };
    const procedure = program.procedures.get(call.procedure);
    if (procedure === undefined) return { parts: this.#accepted(call.xid, 'PROC_UNAVAIL') };
    return { program, procedure };
  }

  #versionMismatch(xid: number, versions: readonly RpcProgram[]): Uint8Array[] {
    const numbers = versions.map(({ version }) => version);
    beginAccepted(this.#writer, xid, 'PROG_MISMATCH');
    this.#writer.u32(Math.min(...numbers));
    this.#writer.u32(Math.max(...numbers));
    return endRecord(this.#writer);
  }

  #accepted(xid: number, stat: AcceptStat): Uint8Array[] {
    beginAccepted(this.#writer, xid, stat);
    return endRecord(this.#writer);
  }

  #refused(xid: number, stat: AuthStat): Answer & { readonly status: string } {
    const parts = writeRefusal(this.#writer, xid, { kind: 'AUTH_ERROR', stat });
    return { parts, isReplayable: false, status: stat };
  }

  async #run(
    call: Call,
    procedure: RpcProcedure,
    { args, makeRoom }: { args: XdrReader; makeRoom: MakeRoom },
  ): Promise<Answer & { readonly status: string }> {
    const prepared = attempt(() => prepareAll(procedure, args));
    if (prepared === undefined) {
      return { parts: this.#accepted(call.xid, 'GARBAGE_ARGS'), isReplayable: false, status: 'GARBAGE_ARGS' };
    }
    try {
      if (prepared.replyBytesAsked > 0 && !(await makeRoom(prepared.replyBytesAsked))) return nobodyWaits;
      const outcome = await prepared.run(call.context);
      beginAccepted(this.#writer, call.xid, 'SUCCESS');
      outcome.encode(this.#writer);
      const { status, isFinal, whenSent } = outcome;
      const answer = { parts: endRecord(this.#writer), isReplayable: isFinal, status };
      if (this.#writer.isLending) return { ...answer, whenSent };
      // All of it was copied: a peer that is slow to take the reply must not keep what the bytes came from.
      whenSent?.();
      return answer;
    } catch (failure) {
      if (failure instanceof AuthRefused) return this.#refused(call.xid, failure.stat);
      const { name } = procedure;
      this.#parts.log.error('nfs-call-failed', {
        procedure: name,
        client: call.context.client,
        failure: describe(failure),
      });
      return { parts: this.#accepted(call.xid, 'SYSTEM_ERR'), isReplayable: false, status: 'SYSTEM_ERR' };
    }
  }
}

/** Faults: XdrError, also when there is more than the arguments: such a call means something else than what would be done. */
function prepareAll(procedure: RpcProcedure, args: XdrReader): Prepared {
  const prepared = procedure.prepare(args);
  if (args.left > 0) throw new XdrError(`${args.left} bytes behind the arguments`);
  return prepared;
}

/** Of a call that was not run: nothing of it is left to answer. */
const nobodyWaits = { parts: [], isReplayable: false, status: 'gone' };

const describe = (failure: unknown): string =>
  failure instanceof Error ? (failure.stack ?? failure.message) : String(failure);
