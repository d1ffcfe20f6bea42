import { open } from 'node:fs/promises';
import { boundedText } from '../codec.ts';
import { UsageError } from '../config/usage-error.ts';
import { CONFIG_FILE_BYTES_MAX } from '../limits.ts';

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'this user may not read it',
  EISDIR: 'it is a directory',
};

/** The text of a config file, which may be a pipe too. No more is read than a config file may have. UsageError when it cannot be. */
export async function readConfigFile(name: string): Promise<string> {
  try {
    const file = await open(name);
    // One byte more than is allowed tells that there are too many.
    const stream = file.createReadStream({ highWaterMark: CONFIG_FILE_BYTES_MAX + 1 });
    const text = await boundedText(stream as AsyncIterable<Uint8Array>, CONFIG_FILE_BYTES_MAX);
    if (text !== undefined) return text;
    throw new UsageError(
      `${name}: a config file has at most ${CONFIG_FILE_BYTES_MAX} bytes: name another with --config FILE`,
    );
  } catch (cause) {
    if (cause instanceof UsageError) throw cause;
    const { code = '', message } = cause as NodeJS.ErrnoException;
    const reason = reasons[code] ?? message;
    throw new UsageError(
      `The config file ${name} cannot be read, ${reason}: name another with --config FILE`,
      { cause },
    );
  }
}
