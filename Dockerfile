# docker build --tag gridlite . && docker run --rm --volume "$PWD/runs:/gridlite/runs" gridlite make demo
FROM python:3.12-slim-bookworm

# make and git are what the README asks for; the C++ compiler is for two packages that have no wheel for Linux on Arm
RUN apt-get update \
    && apt-get install --yes --no-install-recommends g++ git make \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /gridlite
COPY requirements.lock pyproject.toml Makefile ./
COPY .ci/setup .ci/setup
RUN make setup && rm -rf /root/.cache

COPY . .
# what the pages listen on, with HOST=0.0.0.0
EXPOSE 8000

CMD ["make", "help"]
