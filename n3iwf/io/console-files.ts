/** The files of the console's page, read once when the node starts. */
import { readdirSync, readFileSync } from 'node:fs';
import { extname } from 'node:path';
import type { AdminPage } from '../admin/pages.ts';

const folder = new URL('../console/page/', import.meta.url);

const contentTypes: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** The page loads nothing from elsewhere, runs no script but its own, and stands in no frame. */
const headers = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
};

/** Each file by the path at which it is served; `/` is the page itself. */
export function consolePages(): ReadonlyMap<string, () => Promise<AdminPage>> {
  const pages = new Map<string, () => Promise<AdminPage>>();
  for (const file of readdirSync(folder)) {
    const contentType = contentTypes[extname(file)];
    if (contentType === undefined) continue;
    const page: AdminPage = {
      status: 200,
      contentType,
      body: readFileSync(new URL(file, folder), 'utf8'),
      headers,
    };
    pages.set(file === 'index.html' ? '/' : `/${file}`, async () => page);
  }
  return pages;
}
