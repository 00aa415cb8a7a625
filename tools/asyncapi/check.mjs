// Fails where the parser of AsyncAPI finds an error in the document, and prints all
// that it finds.
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { Parser, DiagnosticSeverity } from "@asyncapi/parser";

const file = process.argv[2];
const { document, diagnostics } = await new Parser().parse(await readFile(file, "utf8"), { source: resolve(file) });
for (const d of diagnostics) {
  console.error(`${file}:${d.range.start.line + 1}: ${d.code}: ${d.message}`);
}
if (!document || diagnostics.some((d) => d.severity === DiagnosticSeverity.Error)) {
  process.exit(1);
}
console.log(`${file}: ${document.channels().all().length} channels, ${document.operations().all().length} operations`);
