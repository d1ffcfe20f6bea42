const form = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
const address = /^\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}$/;
const prefixesReserved = ['xn--', 'sthree-', 'amzn-s3-demo-'];
const suffixesReserved = ['-s3alias', '--ol-s3', '.mrap', '--x-s3', '--table-s3'];

/** Why AWS would not take the name for a general purpose bucket ("Bucket naming rules"); `undefined` when it would. */
export function bucketNameRefusal(name: string): string | undefined {
  if (!form.test(name)) return '3 to 63 lower-case letters, digits, dots and hyphens, ends alphanumeric';
  if (name.includes('..') || address.test(name)) return 'neither adjacent dots nor an address';
  if (prefixesReserved.some((prefix) => name.startsWith(prefix))) return 'reserved prefix';
  if (suffixesReserved.some((suffix) => name.endsWith(suffix))) return 'reserved suffix';
  return undefined;
}
