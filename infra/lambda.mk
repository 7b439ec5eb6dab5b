# Targets for AWS Lambda: lock, archive, deployment and container tests.
STAGE ?= dev
ARCHITECTURE ?= x86_64
# Python that compiles the archive's bytecode; it needs the minor version of the Lambda runtime.
LAMBDA_PYTHON ?= $(or $(firstword $(shell for each in $(BIN)/python python3.13 $${PYENV_ROOT:-$$HOME/.pyenv}/versions/3.13*/bin/python; do $$each -c 'import sys; sys.version_info[:2] == (3, 13) and print(sys.executable)' 2>/dev/null; done)),python3.13)
# Python that resolves requirements/dev.txt: the oldest supported version.
OLDEST_PYTHON ?= python3.11
SAM_VERSION := 1.170.0
SAM_VENV ?= $(VENV)/sam
SAM := SAM_CLI_TELEMETRY=0 $(SAM_VENV)/bin/sam
SAM_STAMP := $(SAM_VENV)/.installed-$(SAM_VERSION)
BUILT := .aws-sam/build/template.yaml
SAM_BUILD := ARCHITECTURE=$(ARCHITECTURE) LAMBDA_PYTHON=$(LAMBDA_PYTHON) $(SAM) build --parameter-overrides Architecture=$(ARCHITECTURE)
# Script that provides the Lambda base image without an image registry; see infra/archive/engine.
export LAMBDA_IMAGE_BUILD
# The SAM command line and boto3 read only the second name.
ifdef AWS_REGION
export AWS_DEFAULT_REGION ?= $(AWS_REGION)
endif
COMPILE := --quiet --generate-hashes --strip-extras --no-header --no-emit-index-url --no-emit-find-links --no-emit-trusted-host

# Lambda's runtime interface emulator, from the wheel of the SAM command line.
RIE := $(VENV)/rie/aws-lambda-rie
MACHINE := $(if $(filter aarch64 arm64,$(shell uname -m)),arm64,x86_64)

.PHONY: sam validate build archive sam-test sam-containers bench-cold deploy destroy logs lock

sam: $(SAM_STAMP)

$(SAM_STAMP):
	$(PYTHON) -m venv $(SAM_VENV)
	$(SAM_VENV)/bin/python -m pip install --quiet --disable-pip-version-check aws-sam-cli==$(SAM_VERSION)
	@touch $@

test local bench-embedding: $(RIE)

$(RIE): | $(STAMP)
	@mkdir -p $(@D)
	$(BIN)/python -m pip download --quiet --disable-pip-version-check --no-deps --dest $(@D) aws-sam-cli==$(SAM_VERSION)
	@cd $(@D) && $(CURDIR)/$(BIN)/python -m zipfile -e aws_sam_cli-*.whl wheel && mv wheel/samcli/local/rapid/aws-lambda-rie-$(MACHINE) $(@F) && chmod +x $(@F) && rm -r wheel aws_sam_cli-*.whl

validate: $(SAM_STAMP) ## check the SAM template
	AWS_DEFAULT_REGION=$${AWS_DEFAULT_REGION:-eu-central-1} $(SAM) validate --template template.yaml
	AWS_DEFAULT_REGION=$${AWS_DEFAULT_REGION:-eu-central-1} $(SAM) validate --lint --template template.yaml
	$(SAM_VENV)/bin/cfn-lint infra/*.yaml

build: $(SAM_STAMP) archive ## build the deployment into .aws-sam/build (ARCHITECTURE=arm64 for Graviton)
	@$(SAM_BUILD)

archive: ## build only the Lambda archive; prints its sizes and digest
	@$(LAMBDA_PYTHON) infra/archive/build.py --architecture $(ARCHITECTURE) --zip .aws-sam/archive/mayfly-$(ARCHITECTURE).zip

deploy: build ## deploy, migrate and send a message (STAGE=dev, DATABASE=aurora or a secret's ARN, MODEL_SECRET=ARN)
	@$(SAM_VENV)/bin/python infra/deploy.py --stage $(STAGE) --architecture $(ARCHITECTURE) --sam $(SAM_VENV)/bin/sam \
	  $(if $(DATABASE),--database $(DATABASE)) $(if $(filter-out undefined,$(origin MODEL_SECRET)),--model-secret "$(MODEL_SECRET)")

destroy: $(SAM_STAMP) ## delete the deployment after confirmation (STAGE=dev)
	$(SAM) delete --config-env $(STAGE)

logs: $(SAM_STAMP) ## follow the logs of the deployment (STAGE=dev)
	$(SAM) logs --config-env $(STAGE) --tail $(foreach name,message api inbox work tick migrate embed-high embed-normal embed-low,--cw-log-group /mayfly/mayfly-$(STAGE)/$(name))

sam-test: $(STAMP) $(SAM_STAMP) $(RIE) ## test the built functions in Lambda containers and the runtime emulator
	@infra/archive/engine $(MAKE) --no-print-directory sam-containers || { \
	  code=$$?; [ $$code -eq 75 ] || exit $$code; \
	  echo "sam-test: no Docker engine or no Lambda base image: running only the emulator tests"; \
	  $(BIN)/python -m pytest tests/integration/test_runtime_interface_emulator.py; \
	}

sam-containers: build
	@SAM=$(SAM_VENV)/bin/sam $(BIN)/python -m pytest tests/sam

bench-cold: $(STAMP) ## measure a cold start until the first stored answer, and compare it with a bare openai client
	@$(BIN)/python -m tests.bench.cold

lock: ## pin all dependencies with hashes in requirements/
	$(LAMBDA_PYTHON) -m venv $(VENV)/lock-lambda && $(VENV)/lock-lambda/bin/pip install --quiet 'pip-tools>=7.5' 'pip<26'
	$(OLDEST_PYTHON) -m venv $(VENV)/lock-dev && $(VENV)/lock-dev/bin/pip install --quiet 'pip-tools>=7.5' 'pip<26'
	$(VENV)/lock-lambda/bin/pip-compile $(COMPILE) $(addprefix --unsafe-package=,$(PROVIDED)) -o requirements/lambda.txt pyproject.toml
	@sed -i '/^# /d' requirements/lambda.txt
	$(VENV)/lock-dev/bin/pip-compile $(COMPILE) --allow-unsafe --all-build-deps --extra dev -o requirements/dev.txt pyproject.toml
	@sed -i '/^# /d' requirements/dev.txt

# Dependencies of the X-Ray SDK that the Lambda runtime provides.
PROVIDED := botocore jmespath python-dateutil six urllib3
