import { readWords } from '../../../core/arguments.ts';
import { readSettings, SettingsError } from '../../../core/settings.ts';
import { listCertificates, trustCertificate } from './certificates.ts';

const usage = `Which OPC UA servers may be talked to, by their certificates (docs/your-plant.md):

  npm run opcua:trust -- list           the rejected and the trusted certificates
  npm run opcua:trust -- THUMBPRINT …   trust rejected ones
`;

function main(): number {
  const words = readWords(usage, true);
  if (words === undefined) return 0;
  const { DATA_DIR: dataDir } = readSettings();
  if (words.length === 0 || words.includes('list')) {
    for (const kind of ['rejected', 'trusted'] as const) {
      const certificates = listCertificates(dataDir, kind);
      process.stdout.write(`${kind}: ${certificates.length}\n`);
      for (const { thumbprint, subject } of certificates) process.stdout.write(`  ${thumbprint}  ${subject}\n`);
    }
    if (words.length === 0) process.stdout.write('To trust one: npm run opcua:trust -- <thumbprint>\n');
    return 0;
  }
  let exitCode = 0;
  for (const word of words) {
    const trusted = trustCertificate(dataDir, word);
    if (trusted !== undefined) {
      process.stdout.write(
        `Trusted ${trusted.thumbprint} (${trusted.subject}). Ingest takes it at its next attempt.\n`,
      );
    } else {
      process.stderr.write(`No rejected certificate has the thumbprint "${word}"; see npm run opcua:trust -- list.\n`);
      exitCode = 1;
    }
  }
  return exitCode;
}

try {
  process.exitCode = main();
} catch (error) {
  process.stderr.write(`${error instanceof SettingsError ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
