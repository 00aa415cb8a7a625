// Writes src/schema.ts from docs/schema; with --check it only says whether that is
// still the same. What a type cannot say (lengths, what a channel requires) is left out.
import { readFile, writeFile } from "node:fs/promises";
import { compile } from "json-schema-to-typescript";

const names = { job: "Job", result: "Result", notice: "Notice" };
let text = "// Made by `npm run types` from docs/schema.\n";
for (const [file, name] of Object.entries(names)) {
  const at = new URL(`../../docs/schema/${file}.schema.json`, import.meta.url);
  const { allOf, $id, ...schema } = JSON.parse(await readFile(at, "utf8"));
  const options = { additionalProperties: false, bannerComment: "", style: { printWidth: 110 } };
  text += "\n" + (await compile({ ...schema, title: name }, name, options));
}
const at = new URL("src/schema.ts", import.meta.url);
if (process.argv[2] !== "--check") {
  await writeFile(at, text);
} else if ((await readFile(at, "utf8")) !== text) {
  console.error("src/schema.ts is not what docs/schema says: run npm run types");
  process.exit(1);
}
