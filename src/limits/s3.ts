/** Bounds of the S3 door. Unit last. */

/** AWS: header section and query together; beyond it the answer is RequestHeaderSectionTooLarge. */
export const HTTP_HEADER_BYTES_MAX = 24 * 1024;
/** Requests that one connection may have sent ahead of their answers; S3 clients send none. */
export const HTTP_PIPELINED_MAX = 16;
/** AWS: names and values of user metadata together. */
export const USER_METADATA_BYTES_MAX = 2048;
/** How much of a request body is gathered before it is handed on; also the piece size of what is buffered for it. */
export const BODY_GATHER_BYTES = 1024 * 1024;
/** The same while memory for bodies is short. */
export const BODY_NARROW_BYTES = 128 * 1024;
/** A full batch, the one before it that is being hashed and written, and what waits for a blob to be full; or a read and the one ahead. */
export const BODY_WIDE_BYTES = 3 * BODY_GATHER_BYTES;
/** How much of the memory for bodies content may fill: the rest is for documents, which cannot do with less. */
export const BODY_CONTENT_SHARE_MAX = 3 / 4;
/** Content that gave way to others goes on in small pieces for so long, before it asks again. */
export const BODY_GIVEN_WAY_BYTES = 16 * 1024 * 1024;
/** What becomes of a document when it is parsed, in times its length: an estimate. */
export const DOCUMENT_PARSED_FACTOR = 4;
/** A connection that has waited so long for its next request gives way where there are too many. */
export const CONNECTION_QUIET_MS_MIN = 1_000;
/** Between two log lines about connections that were refused. */
export const CONNECTIONS_REFUSED_LOG_MS = 10_000;
/** Refused connections that still hear why; above it they only end. */
export const CONNECTIONS_TOLD_MAX = 256;
/** How long one of them may take to read it. */
export const CONNECTION_TOLD_MS_MAX = 2_000;
/** TCP asks a silent peer whether it is still there after this. */
export const KEEP_ALIVE_PROBE_MS = 60_000;
/** How often the pace of clients is looked at. */
export const PACE_LOOK_MS = 1_000;
/** Bodies up to this length are read, hashed and verified before the namespace hears of them. */
export const BODY_SMALL_BYTES_MAX = 64 * 1024;
/** What the door still reads of a body that nobody wants, so that the connection stays usable. */
export const BODY_DRAIN_BYTES_MAX = 4 * 1024 * 1024;
/** AWS: a single PUT, a part, and a copy source are at most 5 GiB. */
export const PUT_BYTES_MAX = 5 * 1024 ** 3;
/** AWS: every part but the last has at least 5 MiB. */
export const PART_BYTES_MIN = 5 * 1024 ** 2;
/** AWS: part numbers are 1 to 10,000. */
export const PART_NUMBER_MAX = 10_000;
/** AWS: entries of one listing page, keys of one DeleteObjects. */
export const LIST_ENTRIES_MAX = 1000;
/** AWS: buckets of one ListBuckets page. */
export const LIST_BUCKETS_MAX = 10_000;
/** Copied from one page to the next of `parts` while an upload is completed. */
export const PARTS_PAGE_MAX = 1000;
/** Documents with more characters leave as bytes; shorter ones go into one write with their headers. */
export const ANSWER_TEXT_MAX = 16 << 10;
/** Content up to this leaves in one write with its headers; node:http's fast way for texts ends at 16 KiB with both. */
export const ANSWER_AT_ONCE_BYTES_MAX = 12 << 10;
/** XML that clients send: 10,000 parts with checksums are about 4 MiB, 1,000 escaped keys about 6 MiB. */
export const XML_BYTES_MAX = 8 * 1024 * 1024;
/** The least memory for bodies: half of it is for one address, and the largest document must have room in that. */
export const BODY_MEMORY_BYTES_MIN = 2 * DOCUMENT_PARSED_FACTOR * XML_BYTES_MAX;
export const XML_DEPTH_MAX = 16;
export const XML_ELEMENTS_MAX = 100_000;
/** Of one element: S3 has one at most, besides declarations of namespaces. */
export const XML_ATTRIBUTES_MAX = 16;
/** One `size;chunk-signature=…` line of aws-chunked, or one trailer line. */
export const CHUNK_LINE_BYTES_MAX = 1024;
/** Trailer lines behind the last chunk. */
export const CHUNK_TRAILERS_MAX = 16;
/** AWS: only the last signed chunk may be shorter. */
export const CHUNK_BYTES_MIN = 8192;
/** AWS: how far the clock of a signer may be off, both ways. */
export const SIGNATURE_SKEW_SECONDS_MAX = 15 * 60;
/** AWS: a presigned URL is good for at most a week. */
export const PRESIGN_SECONDS_MAX = 7 * 24 * 3600;
/** Derived signing keys kept: one for each key, day and region. */
export const SIGNING_KEYS_MAX = 1024;
/** Longer Authorization headers are taken apart anew with each request. */
export const AUTHORIZATION_KEPT_CHARS_MAX = 512;
/** AWS: everything before the file of a POST form; here also what follows the file. */
export const FORM_FIELDS_BYTES_MAX = 20_480;
/** RFC 2046 has 70. */
export const FORM_BOUNDARY_CHARS_MAX = 200;
/** AWS: rules of a website configuration, and bytes of all of it. */
export const WEBSITE_RULES_MAX = 50;
export const WEBSITE_BYTES_MAX = 128 * 1024;
/** AWS: x-amz-website-redirect-location. */
export const REDIRECT_LOCATION_CHARS_MAX = 2048;
/** Records of server access logs in memory: 20,000 lines of 400 bytes; what comes above it is lost. */
export const ACCESS_LOG_BYTES_MAX = 8 * 1024 * 1024;
/** AWS: tags of an object, and of a bucket. */
export const OBJECT_TAGS_MAX = 10;
export const BUCKET_TAGS_MAX = 50;
/** AWS: characters of a tag in UTF-16. */
export const TAG_KEY_CHARS_MAX = 128;
export const TAG_VALUE_CHARS_MAX = 256;
/** AWS: grants of an ACL. */
export const ACL_GRANTS_MAX = 100;
/** AWS: rules of a CORS configuration, and bytes of all of it. */
export const CORS_RULES_MAX = 100;
export const CORS_BYTES_MAX = 64 * 1024;
/** AWS: the name of a CORS rule. */
export const CORS_RULE_ID_CHARS_MAX = 255;
/** Names in Access-Control-Request-Headers: each is compared with every pattern of the configuration. */
export const CORS_REQUESTED_HEADERS_MAX = 256;
/** Parallel removals of one DeleteObjects. */
export const DELETES_PARALLEL_MAX = 16;
