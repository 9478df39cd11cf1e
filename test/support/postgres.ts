/** A PostgreSQL server of a test's own: fresh cluster in a temporary folder, reached by a unix socket in it. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const DEBIAN = '/usr/lib/postgresql';

/** The folder of Debian's newest server programs, or undefined when the package postgresql is not installed. */
function serverPrograms(): string | undefined {
  const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN).sort((a, b) => Number(b) - Number(a)) : [];
  return versions
    .map((version) => join(DEBIAN, version, 'bin'))
    .find((bin) => existsSync(join(bin, 'initdb')));
}

/** The server refuses to run as root: then it runs as the user that the package made. */
function unprivileged(): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {};
  const id = (flag: string) => Number(spawnSync('id', [flag, 'postgres'], { encoding: 'utf8' }).stdout);
  return { uid: id('-u'), gid: id('-g') };
}

/** A running server. */
export class TestPostgres {
  readonly folder: string;
  readonly #programs: string;
  readonly #user = unprivileged();
  #server: ChildProcess | undefined;

  private constructor(programs: string, folder: string) {
    this.#programs = programs;
    this.folder = folder;
  }

  static async start(): Promise<TestPostgres> {
    const programs = serverPrograms();
    if (programs === undefined) throw new Error('PostgreSQL is not installed');
    const folder = mkdtempSync(join(tmpdir(), 'postgres-'));
    const postgres = new TestPostgres(programs, folder);
    const { uid, gid } = postgres.#user;
    chmodSync(folder, 0o755);
    if (uid !== undefined && gid !== undefined) chownSync(folder, uid, gid);
    const args = ['-D', join(folder, 'data'), '-U', 'qn3iwf', '-A', 'trust', '-E', 'UTF8', '--no-sync'];
    const made = spawnSync(join(programs, 'initdb'), args, {
      ...postgres.#user,
      cwd: folder,
      encoding: 'utf8',
    });
    if (made.status !== 0) throw new Error(made.stderr);
    await postgres.resume();
    return postgres;
  }

  /** Starts the server on its data again; what is left of a crashed one may hold its memory for a moment. */
  async resume(): Promise<void> {
    const { folder } = this;
    for (let tries = 0; tries < 400; tries++) {
      if (this.#server === undefined || this.#server.exitCode !== null) this.#server = this.#spawn();
      const asking = spawn(join(this.#programs, 'pg_isready'), ['-h', folder, '-U', 'qn3iwf'], {
        cwd: folder,
        stdio: 'ignore',
      });
      const [status] = await once(asking, 'exit');
      if (status === 0) return;
      await sleep(50);
    }
    throw new Error('PostgreSQL did not start');
  }

  #spawn(): ChildProcess {
    const { folder } = this;
    const settings = ['listen_addresses=', 'max_connections=60'].flatMap((setting) => ['-c', setting]);
    const args = ['-D', join(folder, 'data'), '-k', folder, ...settings];
    return spawn(join(this.#programs, 'postgres'), args, { ...this.#user, cwd: folder, stdio: 'ignore' });
  }

  /** SIGQUIT ends it at once, as a crash does; its log is replayed at the next start. */
  async crash(): Promise<void> {
    const server = this.#server;
    if (server === undefined || server.exitCode !== null) return;
    const ended = once(server, 'exit');
    server.kill('SIGQUIT');
    await ended;
  }

  /** The address of a database, made where it is not there. */
  database(name: string): string {
    spawnSync(join(this.#programs, 'createdb'), ['-h', this.folder, '-U', 'qn3iwf', name], {
      cwd: this.folder,
    });
    return `postgres://qn3iwf@localhost/${name}?host=${encodeURIComponent(this.folder)}`;
  }

  async stop(): Promise<void> {
    await this.crash();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
