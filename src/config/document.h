/* The table of settings as the reference page, docs/configuration.md. */
#pragma once

/* Markdown, in fresh memory. */
char *document_markdown(void);
