declare module 'dark-theme' {
  const variables: string;
  export default variables;
}

declare module '*.css';
