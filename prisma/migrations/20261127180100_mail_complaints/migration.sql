-- AlterEnum
ALTER TYPE "alert_kind" ADD VALUE 'mail_complaints';
