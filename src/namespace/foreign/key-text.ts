const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Keys of S3 are UTF-8: `undefined` for bytes that no key there can have. */
export function textOf(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}
