import {
  GetObjectCommand,
  S3Client,
  S3ServiceException,
  type GetObjectCommandInput,
  type S3ClientConfig,
} from '@aws-sdk/client-s3';
import { NfsClient, RpcFailure } from 'nfs-server-ts/test/support/client';
import type { ArgsOf, OkOf, ProcedureName } from 'nfs-server-ts/nfs3';

/** No answer will come: the process has gone. What was asked for has happened or not. */
export class Cut extends Error {}
/** There is no room, or not now. `code` as the door has it. */
export class Refused extends Error {
  readonly code: string;
  constructor(code: string) {
    super(`refused: ${code}`);
    this.code = code;
  }
}
/** Another answer than the operation may have. */
export class WrongAnswer extends Error {}

/** Whoever waits longer for an answer is stuck. Writers wait at most 20 s for room. */
const answerMsMax = 90_000;
const nfsRefusals: readonly string[] = ['NFS3ERR_JUKEBOX', 'NFS3ERR_NOSPC'];
const s3Refusals: readonly number[] = [503, 507];

/** The verifiers of writes, over all lives of the gateway: one for each, and never the same again. */
export class Verifiers {
  readonly #past = new Set<string>();
  #present: string | undefined;

  /** The gateway has been started again. */
  newLife(): void {
    if (this.#present !== undefined) this.#past.add(this.#present);
    this.#present = undefined;
  }

  /** RFC 1813 §3.3.7: "it must be consistent during a single boot session" and "must be unique between instances". */
  saw(verf: Uint8Array): void {
    const text = Buffer.from(verf).toString('hex');
    if (this.#past.has(text))
      throw new WrongAnswer(`the write verifier ${text} is that of an earlier process`);
    this.#present ??= text;
    if (this.#present !== text) throw new WrongAnswer('the write verifier has changed without a restart');
  }
}

export type NfsName = Exclude<ProcedureName, 'NULL'>;

/** NFSv3 over one connection, on which as many calls are under way as there are actors. */
export class NfsDoor {
  readonly #client: NfsClient;
  readonly #verifiers: Verifiers;

  private constructor(client: NfsClient, verifiers: Verifiers) {
    this.#client = client;
    this.#verifiers = verifiers;
  }

  static async connect(port: number, verifiers: Verifiers): Promise<NfsDoor> {
    return new NfsDoor(await NfsClient.connect(port), verifiers);
  }

  /** The status, of an answer that is one of `expected`. */
  async status<Name extends NfsName>(
    name: Name,
    args: ArgsOf<Name>,
    expected: readonly string[],
  ): Promise<string> {
    const reply = await inTime(name, this.#client.call(name, args)).catch(cutOr);
    if (nfsRefusals.includes(reply.status)) throw new Refused(reply.status);
    if (!expected.includes(reply.status)) throw new WrongAnswer(`${name}: ${reply.status}`);
    return reply.status;
  }

  async ok<Name extends NfsName>(name: Name, args: ArgsOf<Name>): Promise<OkOf<Name>> {
    const reply = await inTime(name, this.#client.call(name, args)).catch(cutOr);
    if (reply.status === 'NFS3_OK') return reply.ok;
    if (nfsRefusals.includes(reply.status)) throw new Refused(reply.status);
    throw new WrongAnswer(`${name}: ${reply.status}`);
  }

  async write(
    file: Uint8Array,
    write: { readonly offset: number; readonly data: Uint8Array },
    stable: Stable,
  ): Promise<void> {
    const { offset, data } = write;
    const { count, committed, verf } = await this.ok('WRITE', {
      file,
      offset,
      count: data.length,
      stable,
      data,
    });
    this.#verifiers.saw(verf);
    if (count !== data.length) throw new WrongAnswer(`WRITE took ${count} of ${data.length} bytes`);
    if (levels.indexOf(committed) < levels.indexOf(stable))
      throw new WrongAnswer(`WRITE ${stable}: ${committed}`);
  }

  async commit(file: Uint8Array): Promise<void> {
    const { verf } = await this.ok('COMMIT', { file, offset: 0, count: 0 });
    this.#verifiers.saw(verf);
  }

  root(path: string): Promise<Uint8Array> {
    return inTime('MNT', this.#client.root(path)).catch(cutOr);
  }

  close(): Promise<void> {
    return this.#client.close();
  }
}

const levels = ['UNSTABLE', 'DATA_SYNC', 'FILE_SYNC'] as const;
export type Stable = (typeof levels)[number];

/** S3 as AWS's own client speaks it, which tries nothing twice here. */
export class S3Door {
  readonly #client: S3Client;

  constructor(
    endpoint: string,
    credentials: { readonly accessKeyId: string; readonly secretAccessKey: string },
  ) {
    const config: S3ClientConfig = {
      endpoint,
      credentials,
      region: 'us-east-1',
      forcePathStyle: true,
      maxAttempts: 1,
    };
    this.#client = new S3Client(config);
  }

  /** What `ask` gets from the client. */
  async ok<T>(ask: (client: S3Client) => Promise<T>): Promise<T> {
    return inTime('S3', ask(this.#client)).catch((cause: unknown) => {
      throw s3Failure(cause);
    });
  }

  /** The code of a refusal that `ask` must get. */
  async refusal(code: string, ask: (client: S3Client) => Promise<unknown>): Promise<void> {
    try {
      await inTime('S3', ask(this.#client));
    } catch (cause) {
      if (cause instanceof S3ServiceException && cause.name === code) return;
      throw s3Failure(cause);
    }
    throw new WrongAnswer(`not refused: ${code} was expected`);
  }

  /** Body and ETag. */
  get(
    input: GetObjectCommandInput,
  ): Promise<{ readonly body: Uint8Array; readonly etag: string | undefined }> {
    return this.ok(async (client) => {
      const { Body, ETag } = await client.send(new GetObjectCommand(input));
      return { body: (await Body?.transformToByteArray()) ?? new Uint8Array(0), etag: ETag };
    });
  }

  close(): void {
    this.#client.destroy();
  }
}

function cutOr(cause: unknown): never {
  throw cause instanceof RpcFailure && cause.stat === 'closed' ? new Cut() : cause;
}

/** An answer has a status; a connection that broke, before or in the middle of one, has not. */
function s3Failure(cause: unknown): unknown {
  if (!(cause instanceof S3ServiceException)) return isNetwork(cause) ? new Cut() : cause;
  const { httpStatusCode: status = 0 } = cause.$metadata;
  if (s3Refusals.includes(status)) return new Refused(cause.name);
  return new WrongAnswer(`S3 answered ${status} ${cause.name}: ${cause.message}`);
}

const isNetwork = (cause: unknown): boolean =>
  cause instanceof Error &&
  !(cause instanceof WrongAnswer) &&
  (/^E[A-Z]+$/.test((cause as NodeJS.ErrnoException).code ?? '') ||
    /socket hang up|aborted/.test(cause.message));

async function inTime<T>(what: string, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new WrongAnswer(`${what}: no answer in ${answerMsMax} ms`)), answerMsMax);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
