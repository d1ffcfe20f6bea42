/** One entry as node:crypto writes it: a quoted value is a JSON string and may hold anything, commas included. */
const entry = /([^:",]+):(?:"((?:[^"\\]|\\.)*)"|([^",]*))(?:, |$)/y;
const commonName = /^CN=([^=\\+]+)$/;

/**
 * Names of the host that a certificate was made for: DNS names and addresses of its subjectAltName; if that has none, the common name
 * (RFC 9289 §5.2.1). Both are as `X509Certificate` shows them. What cannot be read names nobody.
 */
export function subjectNames(subjectAltName: string | undefined, subject: string): readonly string[] {
  const names = subjectAltName === undefined ? [] : alternativeNames(subjectAltName);
  if (names.length > 0) return names;
  const lines = subject.split('\n').filter((line) => line.startsWith('CN='));
  const [, name] = commonName.exec(lines.length === 1 ? lines[0]! : '') ?? [];
  return name === undefined ? [] : [name];
}

/** Values that needed quotes are no host names. */
function alternativeNames(text: string): readonly string[] {
  const names: string[] = [];
  entry.lastIndex = 0;
  while (entry.lastIndex < text.length) {
    const [, kind, , plain = ''] = entry.exec(text) ?? [];
    if (kind === undefined) return [];
    if ((kind === 'DNS' || kind === 'IP Address') && plain !== '') names.push(plain);
  }
  return names;
}
