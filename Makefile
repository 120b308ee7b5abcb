# Everything runs from .venv, which the first target makes: python3 is all that must be there.
PYTHON ?= $(firstword $(foreach p,python3 python3.12 python3.11 python3.10,\
	$(if $(shell $(p) -c 'import sys; print(int((3, 10) <= sys.version_info < (3, 13)))' \
	2>/dev/null | grep 1),$(p))))
VENV := .venv
BIN := $(VENV)/bin
KILTED := $(VENV)-kilted
# Or it might find another distribution's libraries and packages.
KILTED_PYTHON := env -u LD_LIBRARY_PATH -u PYTHONPATH -u AMENT_PREFIX_PATH \
	-u _ROS_WHEELS_BOOTSTRAP_COMPLETE $(KILTED)/bin/python
CLIP ?=
RATE ?=
ROOMS := $(sort $(wildcard test/*/ test/test_*.py))
ROS_ROOMS := test/demo/ test/ros/ test/security/
COVERED := test/inference/ test/ros/ test/faults/ test/fuzz/ test/security/ test/demo/
DEMO_OPTIONS := $(if $(RATE),--rate $(RATE)) $(CLIP)

.PHONY: demo test bench fuzz faults soak coverage mutants lint lock clean

demo: $(VENV)/.demo
	$(BIN)/segnet demo $(DEMO_OPTIONS)

# One process per room, as on a vehicle: none has PyTorch, OpenVINO, TensorRT and Fast DDS all at once.
# The rooms that speak ROS mostly wait: those of both distributions run side by side, in another
# order, as two demos at once would take each other's time.
test: $(VENV)/.dev $(KILTED)/.dev
	@failed=; \
	( failed=; for room in test/ros/ test/demo/ test/security/; do echo "== kilted: $$room"; \
	$(KILTED_PYTHON) -m pytest $$room || failed=1; done; test -z "$$failed" ) \
	> $(KILTED)/test.log 2>&1 & kilted=$$!; \
	for room in $(ROS_ROOMS); do echo "== jazzy: $$room"; \
	$(BIN)/python -m pytest $$room || failed="$$failed jazzy:$$room"; done; \
	wait $$kilted || failed="$$failed kilted"; cat $(KILTED)/test.log; \
	for room in $(filter-out $(ROS_ROOMS),$(ROOMS)); do echo "== $$room"; \
	$(BIN)/python -m pytest $$room || failed="$$failed $$room"; done; \
	test -z "$$failed" || { echo "failed:$$failed"; exit 1; }

bench: $(VENV)/.dev
	for script in node_overhead node_rate node_benchmark many_cameras endurance; do \
	$(BIN)/python bench/$$script.py || exit 1; done

# A million cases over all parsers, guided by coverage where atheris has a wheel for this Python.
fuzz: $(VENV)/.dev
	$(BIN)/python -m pip install --quiet --constraint lock/jazzy.txt --editable '.[fuzz]'
	$(BIN)/python test/fuzz/run.py --cases 1000000

# Every fault around real processes, and kill -9 at 200 moments by chance: hours.
faults: $(VENV)/.dev
	$(BIN)/python bench/faults.py
	$(BIN)/python bench/kills.py --count 200

# Two hours in real time.
soak: $(VENV)/.dev
	$(BIN)/python bench/soak.py

# Tests that fill a disk fail here, as coverage's own notes do not fit either: `make test` judges them.
coverage: $(VENV)/.dev
	rm -rf build/coverage
	-for room in $(COVERED); do $(BIN)/python -m coverage run -m pytest $$room; done
	$(BIN)/python -m coverage combine --quiet
	@failed=; for folder in inference ros; do echo "== segnet_ros/$$folder"; \
	$(BIN)/python -m coverage report --include="*/segnet_ros/$$folder/*" || failed=1; done; \
	test -z "$$failed"

# Threads of PyTorch and OpenCV do not survive the forks of mutmut, and its children would hang.
mutants: $(VENV)/.dev
	rm -rf mutants
	OMP_NUM_THREADS=1 OPENCV_FOR_THREADS_NUM=1 nice $(BIN)/mutmut run
	$(BIN)/python bench/mutants.py

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy segnet_ros setup.py launch/*.py
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive segnet_ros launch setup.py .ci
# Exit status 3: no vulnerability service answers here, which the line before says loudly.
	$(BIN)/python .ci/audit.py lock/jazzy.txt lock/kilted.txt || test $$? -eq 3

# Resolve the lock anew; UPGRADE=--upgrade takes newer releases.
lock: $(VENV)/.dev
	PATH=$(CURDIR)/$(BIN):$$PATH .ci/lock.sh $(UPGRADE)

clean:
	rm -rf $(VENV) $(KILTED) demo_output build mutants

%/.created:
	@test -n "$(PYTHON)" || { echo "no Python 3.10, 3.11 or 3.12 found; install one, or name it: \
	make PYTHON=/path/to/python3"; exit 1; }
	$(PYTHON) -m venv $*
	touch $@

# What the demo needs: no PyTorch, so that a first look takes minutes.
$(VENV)/.demo: $(VENV)/.created setup.py setup.cfg pyproject.toml lock/jazzy.txt
	$(BIN)/python -m pip install --quiet --constraint lock/jazzy.txt --editable '.[cpu,ros,bag]'
	touch $@

$(VENV)/.dev: $(VENV)/.demo
	$(BIN)/python -m pip install --quiet --constraint lock/jazzy.txt \
	--editable '.[cpu,ros,bag,train,dev]'
	touch $@

$(KILTED)/.dev: $(KILTED)/.created $(VENV)/.dev lock/kilted.txt
	$(KILTED_PYTHON) -m pip install --quiet --constraint lock/kilted.txt \
	--editable '.[cpu,kilted,bag]' hypothesis onnx pytest \
	pytest-timeout
	touch $@
