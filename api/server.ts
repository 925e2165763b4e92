import type { App } from './context.ts';

/** Why a server cannot start, in one sentence for whoever started it. */
export class StartError extends Error {
  override readonly name = 'StartError';
}

/** Listens and answers the address as a URL. A taken or forbidden port is a StartError that says what to do. */
export async function listen(app: App, host: string, port: number): Promise<string> {
  try {
    return await app.listen({ host, port });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE') {
      throw new StartError(`HTTP_PORT ${port} is taken by another program; set HTTP_PORT to a free port.`, {
        cause: error,
      });
    }
    if (code === 'EACCES') {
      throw new StartError(`HTTP_PORT ${port} may not be used by this user; set HTTP_PORT to one from 1024 to 65535.`, {
        cause: error,
      });
    }
    if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
      throw new StartError(
        `HTTP_HOST ${host} is not an address of this machine; set HTTP_HOST to one, such as 127.0.0.1 or 0.0.0.0.`,
        { cause: error },
      );
    }
    throw error;
  }
}
