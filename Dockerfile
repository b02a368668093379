# The program in one file, on Node.js and nothing else: no shell, no package manager, no root. Build it with
#
#   docker build --tag eci-imagecache-webhook:0.1.0 --build-arg REVISION="$(git rev-parse HEAD)" .
#
# script/check-image takes these steps without a container engine.

# Tags are what is known here. A release pins both images by digest as well: docker buildx imagetools inspect IMAGE.
ARG BUILD_IMAGE=node:24.21.0-bookworm-slim
ARG RUNTIME_IMAGE=gcr.io/distroless/nodejs24-debian12:nonroot

# The result is the same on every platform, so it is built once, on that of the builder.
FROM --platform=$BUILDPLATFORM ${BUILD_IMAGE} AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci --include=dev --include=optional --loglevel=error
COPY rolldown.config.ts tsconfig.json ./
COPY script/lib script/lib
COPY src src
RUN node_modules/.bin/rolldown --config --configLoader native && node dist/imc.js version

FROM ${RUNTIME_IMAGE}
ARG REVISION=unknown
LABEL org.opencontainers.image.title="eci-imagecache-webhook" \
      org.opencontainers.image.description="Gives pods on Alibaba Cloud ECI the best matching ImageCache, and says why." \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.licenses="Apache-2.0"
ENV NODE_ENV=production
WORKDIR /app
COPY LICENSE ./
COPY --from=build /build/dist/THIRD_PARTY_LICENSES.txt ./
COPY --from=build /build/dist/imc.js imc.mjs
# The user `nonroot` of the image, by number: Kubernetes cannot see that a name is not root.
USER 65532:65532
EXPOSE 8443 8080
ENTRYPOINT ["/nodejs/bin/node", "/app/imc.mjs"]
CMD ["--help"]
