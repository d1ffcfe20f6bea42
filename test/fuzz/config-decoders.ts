import { parseAddress, parseNetwork } from '../../src/config/address.ts';
import { parseAttachedUrl } from '../../src/config/attached-url.ts';
import { parseColdUrl } from '../../src/config/cold-url.ts';
import { parseErasureCode } from '../../src/config/erasure-code.ts';
import { parseClient } from '../../src/config/export-client.ts';
import { parseConfigFile } from '../../src/config/file.ts';
import { loadConfig } from '../../src/config/load.ts';
import { parseDuration, parseQuantity } from '../../src/config/quantity.ts';
import { UsageError } from '../../src/config/usage-error.ts';
import { Fault } from '../../src/fault.ts';
import { plain, utf8, type Decoder } from './decoder.ts';

/** One sentence for whoever wrote it. */
const refusals = (failure: unknown): boolean => failure instanceof UsageError || failure instanceof Fault;

const file = `data: /srv/terrace
s3: { address: 127.0.0.1:9000, bodyMemory: 256Mi }
nfs:
  exports:
    - { clients: [127.0.0.0/8, '*.lab.example'], squash: none, secure: false }
warm: { devices: [/d1, /d2, /d3], ec: 2+1 }
users: [{ name: dora, accessKey: DORA-KEY, secretKey: the secret of dora }]
`;

const text = (
  name: string,
  sound: readonly string[],
  parse: (text: string) => unknown,
  tokens: readonly string[] = [':', '/', '.', '-', '+', '%', '9'.repeat(30), ' '],
): Decoder => plain(name, sound, (input) => parse(utf8(input)), { refusals, tokens });

export const configDecoders: readonly Decoder[] = [
  text(
    'config-file',
    [file],
    (written) => loadConfig({ file: parseConfigFile('f.yaml', written), variables: {}, flags: new Map() }),
    [
      '- ',
      ': ',
      '{',
      '[',
      '&a ',
      '*a',
      '<<: ',
      '!!binary ',
      '|',
      '>',
      '\n',
      '? ',
      '---',
      '"',
      "'",
      '__proto__: 1\n',
    ],
  ),
  text('address', ['127.0.0.1:9000', '[::1]:2049', ':80'], parseAddress),
  text('network', ['10.0.0.0/8', '::1/128'], parseNetwork),
  text('export-client', ['10.1.7.7', '10.0.0.0/8', '*.lab.example', '*'], parseClient),
  text('quantity', ['10Gi', '1.5T', '64k'], parseQuantity),
  text('duration', ['500ms', '2h', '7d'], parseDuration),
  text('erasure-code', ['4+2'], parseErasureCode),
  text('cold-url', ['s3://cold/prefix?endpoint=http://127.0.0.1:9&region=x'], parseColdUrl),
  text('attached-url', ['s3://theirs/prefix/?endpoint=http://127.0.0.1:9'], parseAttachedUrl),
];
