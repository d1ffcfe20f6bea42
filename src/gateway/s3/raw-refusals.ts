function rawRefusal(status: string, code: string, message: string): string {
  const body = `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>${message}</Message></Error>`;
  const length = Buffer.byteLength(body);
  return `HTTP/1.1 ${status}\r\nContent-Type: application/xml\r\nContent-Length: ${length}\r\nConnection: close\r\n\r\n${body}`;
}

/** What is no HTTP at all. */
export const badRequest = rawRefusal(
  '400 Bad Request',
  'BadRequest',
  'An error occurred when parsing the HTTP request.',
);

/** By code of node:http's parser. There is no request to hand to the door yet. */
export const refusals: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: rawRefusal(
    '400 Bad Request',
    'RequestHeaderSectionTooLarge',
    'Your request header and query parameters exceed the maximum allowed size.',
  ),
  ERR_HTTP_REQUEST_TIMEOUT: rawRefusal(
    '400 Bad Request',
    'RequestTimeout',
    'Your socket connection to the server was not read from or written to within the timeout period. Idle connections will be closed.',
  ),
};

/** AWS: "Please reduce your request rate". For a connection that is one too many. */
export const tooManyConnections = rawRefusal('503 Slow Down', 'SlowDown', 'Please reduce your request rate.');
