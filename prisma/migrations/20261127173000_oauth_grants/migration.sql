-- CreateTable
CREATE TABLE "oauth_grants" (
    "connection_id" UUID NOT NULL,
    "source" TEXT NOT NULL,
    "account" TEXT,
    "refresh_token" TEXT NOT NULL,
    "access_token" TEXT,
    "access_renew_at" TIMESTAMPTZ(3),
    "token_version" INTEGER NOT NULL DEFAULT 0,
    "renewal_lease" UUID,
    "renewal_lease_until" TIMESTAMPTZ(3),
    "refused_at" TIMESTAMPTZ(3),
    "refused_code" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "oauth_grants_pkey" PRIMARY KEY ("connection_id")
);

-- AddForeignKey
ALTER TABLE "oauth_grants" ADD CONSTRAINT "oauth_grants_connection_id_fkey" FOREIGN KEY ("connection_id") REFERENCES "connections"("id") ON DELETE CASCADE ON UPDATE CASCADE;
