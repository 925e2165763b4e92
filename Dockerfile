# One image for ingest, analytics and api; docker-compose.yml says which of them a container runs.
FROM node:24.21.0-bookworm-slim AS page
WORKDIR /millrace
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts
COPY . .
RUN npm run build

FROM node:24.21.0-bookworm-slim
ENV NODE_ENV=production DATA_DIR=/data NODE_OPTIONS=--max-semi-space-size=4
WORKDIR /millrace
COPY package.json package-lock.json ./
# Optional packages are the embedded database's binaries; in production the database is a service of its own.
RUN npm ci --omit=dev --omit=optional --ignore-scripts && npm cache clean --force
COPY core core
COPY ingest ingest
COPY analytics analytics
COPY api api
COPY migrations migrations
COPY --from=page /millrace/web/dist web/dist
RUN mkdir /data && chown node:node /data
VOLUME /data
USER node
EXPOSE 8080
CMD ["node", "api/main.ts"]
