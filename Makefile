# A thin layer over Meson. Every target first installs what it needs (tools/deps: Debian packages by name).

.DEFAULT_GOAL := build
.PHONY: build run test lint bench fuzz soak fresh install clean

# A pipe fails with its first command.
SHELL = /bin/bash
.SHELLFLAGS = -o pipefail -c

DEPS = build
run: DEPS = run
bench: DEPS = bench

build:
	@tools/deps $(DEPS)
	@[ -f build/build.ninja ] || meson setup build -Dwerror=false -Doptimization=3 -Db_lto=true -Dc_args='-ffat-lto-objects -fno-plt'
	@ninja -C build --quiet programs | { grep -v '^ninja: no work to do' || true; }

run: build
	@export CONSOLE_PORT=$${CONSOLE_PORT:-$$(($${PORT:-8080} + 1))} && exec build/reeve run -c examples/workbench/reeve.yaml

test:
	@tools/deps test
	@tools/test

lint:
	@tools/deps test
	@tools/lint

fuzz:
	@tools/deps test
	@tools/fuzz

bench: build
	@tools/subreaper bench/run

soak:
	@tools/deps test
	@tools/test soak

fresh:
	@tools/deps fresh
	@tools/fresh

install: build
	@meson install -C build --no-rebuild

clean:
	rm -rf build build-*
